import { expect, hydrated, test } from '../support/test';
import { english, korean } from '../support/words';
import * as pages from '../support/pages';

test('the switch changes the language, and it stays', async ({ page, visit, organiser, javaScriptEnabled }) => {
  const concert = await organiser.createConcert();
  await visit(`/concerts/${concert.id}`);
  await expect(page.locator('html')).toHaveAttribute('lang', 'en');
  await expect(page.getByText('On sale now')).toBeVisible();
  await pages.header(page).getByRole('button', { name: '한국어' }).click();

  await expect(page.locator('html')).toHaveAttribute('lang', 'ko');
  await expect(page, 'the same page').toHaveURL(`/concerts/${concert.id}`);
  await expect(page.getByText('예매 중')).toBeVisible();
  await expect(pages.header(page).getByRole('button', { name: '한국어' })).toHaveAttribute('aria-pressed', 'true');
  if (javaScriptEnabled !== false) await hydrated(page);
  await pages.header(page).getByRole('link', { name: korean.logIn }).click();
  await expect(page.getByRole('heading', { level: 1, name: korean.logIn })).toBeVisible();
  await expect(page).toHaveTitle(`${korean.logIn} · Frontrow`);
  await visit('/sign-up');
  await expect(page.getByRole('heading', { level: 1, name: korean.signUp })).toBeVisible();

  await pages.header(page).getByRole('button', { name: 'English' }).click();
  await expect(page.locator('html')).toHaveAttribute('lang', 'en');
  await expect(page.getByRole('heading', { level: 1, name: english.signUp })).toBeVisible();
});

test('a refused form speaks the language, too', async ({ page, visit, expectComplaint }) => {
  expectComplaint(/Failed to load resource/);
  await visit('/sign-up');
  await pages.header(page).getByRole('button', { name: '한국어' }).click();
  await expect(page.locator('html')).toHaveAttribute('lang', 'ko');
  await visit('/sign-up');
  await pages.submit(page);
  await expect(pages.summary(page)).toContainText('5가지를 다시 확인해 주세요.');
  await expect(pages.problem(page, 'email')).toHaveText('입력해 주세요.');
});

test('what the browser asks for is what it gets', { tag: '@http' }, async ({ request }) => {
  for (const [asked, lang] of [
    ['ko-KR,ko;q=0.9,en;q=0.8', 'ko'],
    ['en-GB,en;q=0.9,ko;q=0.8', 'en'],
    ['de-DE,de;q=0.9', 'en'],
  ] as const) {
    const html = await (await request.get('/', { headers: { accept: 'text/html', 'accept-language': asked } })).text();
    expect(html).toContain(`<html lang="${lang}"`);
  }
});
