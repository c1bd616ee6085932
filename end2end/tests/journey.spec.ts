import { expect, test } from '../support/test';
import { newcomer } from '../support/people';
import * as pages from '../support/pages';
import type { Shown } from '../support/pages';

const OTHERS = 40;
const BATCH = 5;

test('from signing up to the ticket', { tag: '@journey' }, async ({ page, visit, words, organiser, crowd, javaScriptEnabled }) => {
  const others = await crowd(OTHERS);
  // Without scripts a page reloads every three seconds, and three ranks must be seen.
  const concert = await organiser.createConcert({ batch_size: String(BATCH), interval_ms: '2000' });
  const me = newcomer();
  const header = pages.header(page);

  await test.step('sign up', async () => {
    await visit('/');
    await expect(page.locator('html')).toHaveAttribute('lang', words.lang);
    await header.getByRole('link', { name: words.signUp }).click();
    await pages.signUp(page, words, me);
    await pages.expectLoggedInAs(page, me.nickname);
    await expect(page).toHaveURL('/');
  });

  await test.step('log out and in again', async () => {
    await header.getByRole('button', { name: words.logOut }).click();
    await pages.expectLoggedOut(page, words);
    await header.getByRole('link', { name: words.logIn }).click();
    await pages.logIn(page, words, me.account_name, me.password);
    await pages.expectLoggedInAs(page, me.nickname);
  });

  await test.step('browse, search and open the concert', async () => {
    await header.getByRole('link', { name: words.concerts, exact: true }).click();
    await expect(page.locator('main .stub').first()).toBeVisible();
    await page.getByLabel(words.search).fill(concert.title.toUpperCase());
    await page.getByRole('main').getByRole('button', { name: words.find }).click();
    await expect(page.locator('main li h2')).toHaveText([concert.title]);
    await page.getByRole('main').getByRole('link', { name: concert.title, exact: true }).click();
    await expect(page.getByRole('heading', { level: 1, name: concert.title })).toBeVisible();
    await expect(page).toHaveTitle(`${concert.title} · Frontrow`);
  });

  await test.step('join behind the others', async () => {
    const join = page.getByRole('button', { name: words.join });
    await expect(join).toBeEnabled();
    await Promise.all(others.map((person) => person.join(concert)));
    await join.click();
    await expect(page).toHaveURL(`/concerts/${concert.id}/queue`);
    await pages.expectStanding(page, 'waiting');
  });

  await test.step('watch the rank fall until it is my turn', async () => {
    const shown = javaScriptEnabled === false ? await watchReloads() : await watchLive();
    const ranks = shown.map(({ rank }) => rank);
    expect(ranks[0], 'nobody who came later is ahead').toBeLessThanOrEqual(OTHERS + 1);
    expect(new Set(ranks).size, `the rank fell more than once: ${ranks}`).toBeGreaterThanOrEqual(3);
    expect(ranks, 'the rank never rose').toEqual([...ranks].sort((a, b) => b - a));
    for (const { rank, ahead } of shown) expect(ahead).toBe(words.ahead(rank - 1));
    await expect(page).toHaveTitle(words.issuedTitle(concert.title));
    await expect(page.getByRole('heading', { level: 1, name: words.issuedHeading })).toBeVisible();
  });

  await test.step('see the ticket', async () => {
    await page.getByRole('link', { name: words.seeTicket }).click();
    await expect(page).toHaveURL(/\/tickets\/\d+$/);
    await expect(page.getByRole('heading', { level: 1, name: concert.title })).toBeVisible();
    await expect(page.getByTestId('serial')).toHaveText(String(OTHERS + 1));
    await expect(page.getByTestId('code')).toHaveText(/^[0-9A-Z]{5}[ -][0-9A-Z]{5}$/);
    await expect(page.getByTestId('ticket')).toContainText(me.nickname);
  });

  await test.step('find it under my tickets', async () => {
    await header.getByRole('link', { name: words.myTickets }).click();
    await expect(page).toHaveURL('/tickets');
    await expect(page.getByTestId('ticket')).toHaveCount(1);
    await expect(page.getByRole('link', { name: concert.title })).toBeVisible();
  });

  await test.step('log out', async () => {
    await header.getByRole('button', { name: words.logOut }).click();
    await pages.expectLoggedOut(page, words);
    await page.goto('/tickets');
    await expect(page).toHaveURL('/log-in?next=/tickets');
  });

  /** Without a reload: returns every rank that the page shows until the ticket is issued. */
  async function watchLive(): Promise<Shown[]> {
    await pages.markDocument(page);
    await pages.recordRanks(page);
    await pages.expectStanding(page, 'issued');
    await expect(page.getByRole('alert').filter({ hasText: words.issuedAnnounced(concert.title) })).toBeAttached();
    await pages.expectSameDocument(page);
    return pages.recordedRanks(page);
  }

  /** The page reloads itself: returns what it shows each time until the ticket is issued. */
  async function watchReloads(): Promise<Shown[]> {
    const shown: Shown[] = [];
    await expect(async () => {
      const now = await pages.standing(page).evaluate((place) => {
        const text = (id: string) => place.querySelector(`[data-testid="${id}"]`)?.textContent ?? '';
        return { standing: place.getAttribute('data-standing'), rank: Number(text('rank')), ahead: text('ahead') };
      });
      if (now.standing === 'waiting' && shown.at(-1)?.rank !== now.rank) shown.push(now);
      expect(now.standing).toBe('issued');
    }).toPass({ intervals: [200], timeout: 60_000 });
    return shown;
  }
});
