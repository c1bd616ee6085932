import { expect, refused, test } from '../support/test';
import { english as words } from '../support/words';

test('what is not there is a page that says so, with a way on', async ({ page, context, signUp, visit, expectComplaint }) => {
  expectComplaint(refused(404));
  await (await signUp()).lendSession(context);
  for (const path of ['/nowhere', '/concerts/987654321', '/concerts/first', '/concerts/987654321/queue', '/tickets/987654321', '/tickets/mine']) {
    const response = await page.goto(path);
    expect(response?.status(), path).toBe(404);
    await expect(page.getByRole('heading', { level: 1, name: words.notFound })).toBeVisible();
    await expect(page).toHaveTitle(`${words.notFound} · Frontrow`);
  }
  await visit('/concerts/987654321');
  await page.getByRole('main').getByRole('link', { name: 'See other concerts' }).click();
  await expect(page).toHaveURL('/');
  await expect(page).toHaveTitle(`${words.concerts} · Frontrow`);
});

test.describe('asked directly', { tag: '@http' }, () => {
  test('what needs a log-in says so', async ({ request, organiser }) => {
    const concert = await organiser.createConcert();
    for (const response of [
      await request.post('/api/join_queue', { form: { concert_id: concert.id } }),
      await request.get('/api/list_tickets'),
      await request.get(`/api/queue_stream?concert_id=${concert.id}`),
    ]) {
      expect(response.status()).toBe(401);
      expect(await response.json()).toEqual({ code: 'not_logged_in' });
    }
  });

  test('a bearer token that is none is nobody', async ({ request }) => {
    const response = await request.get('/api/list_tickets', { headers: { authorization: 'Bearer a.b.c' } });
    expect(response.status()).toBe(401);
  });

  test('a request that cannot be understood is refused as that', async ({ signUp }) => {
    const person = await signUp();
    for (const form of [{}, { concert_id: 'first' }] as Record<string, string>[]) {
      const response = await person.send('/api/join_queue', form);
      expect(response.status()).toBe(400);
      expect(await response.json()).toEqual({ code: 'malformed' });
    }
    expect((await person.send('/api/join_queue', { concert_id: '987654321' })).status()).toBe(404);
  });

  test('a body that is too large is refused', async ({ request }) => {
    const response = await request.post('/api/log_in', { form: { account_name: 'a'.repeat(200_000), password: 'b' } });
    expect(response.status()).toBe(413);
    expect(await response.json()).toEqual({ code: 'too_large' });
  });

  test('another site changes nothing', async ({ signUp, organiser }) => {
    const concert = await organiser.createConcert();
    const person = await signUp();
    const response = await person.http.post('/api/join_queue', {
      form: { concert_id: concert.id },
      headers: { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' },
    });
    expect(response.status()).toBe(403);
    expect((await person.place(concert)).standing).toBe('absent');
  });

  test('nothing is changed by looking', async ({ signUp, organiser }) => {
    const concert = await organiser.createConcert();
    const person = await signUp();
    const response = await person.http.get(`/api/join_queue?concert_id=${concert.id}`);
    expect(response.ok()).toBe(false);
    expect((await person.place(concert)).standing).toBe('absent');
  });
});

test('a form of which nothing came, because it was stopped, can be sent again', { tag: '@script' }, async ({ page, visit }) => {
  await page.clock.install();
  await visit('/log-in');
  let sent = 0;
  await page.route(/\/log-in/, async (route) => {
    if (route.request().method() !== 'POST') return route.continue();
    sent += 1;
    // A response without content: the page stays, and no event reports it.
    await route.fulfill({ status: 204 });
  });
  await page.locator('input[name="account_name"]').fill('mina');
  await page.locator('input[name="password"]').fill('a long passphrase');
  const button = page.getByRole('main').locator('button[type="submit"]');
  await button.click();
  await expect(button).toHaveAttribute('aria-disabled', 'true');
  await page.clock.fastForward('00:40');
  await expect(button).not.toHaveAttribute('aria-disabled', 'true');
  await button.click();
  await expect.poll(() => sent).toBe(2);
});
