// Home: its sections, and every query on it.

import type { Page } from '@playwright/test';
import { expect, test } from '../support/test';
import { kst, unique } from '../support/people';
import { english as words } from '../support/words';
import * as pages from '../support/pages';

const DAY = 24 * 3600;

const titles = (page: Page) => page.locator('#results li').getByRole('heading');
const search = (page: Page) => page.getByLabel(words.search);

/** Returns a Korean word that no other test uses. */
function koreanWord(): string {
  const syllable = () => String.fromCodePoint(0xac00 + Math.floor(Math.random() * 11172));
  return Array.from({ length: 6 }, syllable).join('');
}

/** Returns its initial consonants, as a Korean keyboard types them. */
function initials(word: string): string {
  const all = 'ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ';
  return [...word].map((letter) => all[Math.floor((letter.codePointAt(0)! - 0xac00) / 588)]).join('');
}

/** Sends the form, as Enter does. */
async function find(page: Page): Promise<void> {
  await page.getByRole('main').getByRole('button', { name: words.find }).click();
}

test('home has sections, and a way to all of each', async ({ page, visit, organiser }) => {
  const word = unique();
  await organiser.createConcert({ title: `${word} now` });
  await organiser.createConcert({ title: `${word} soon`, sale_opens_at: kst(2 * DAY) });
  await organiser.createConcert({ title: `${word} later`, sale_opens_at: kst(20 * DAY) });
  // Shared pages are up to a second old.
  await expect(async () => {
    await visit('/');
    for (const group of ['selling', 'soon', 'later']) await expect(page.locator(`#${group}`)).toBeVisible({ timeout: 500 });
  }).toPass();
  for (const [name, group] of [['Selling now', 'selling'], ['Opening soon', 'soon'], ['Later, and waiting lists', 'later']] as const) {
    const section = page.getByRole('region', { name, exact: true });
    await expect(section.getByRole('heading', { level: 3 }).first()).toBeVisible();
    expect(await section.getByRole('listitem').count()).toBeLessThanOrEqual(8);
    await expect(section).toHaveAttribute('id', group);
  }
  // Each is found in its own group only.
  for (const [sale, title] of [['selling', 'now'], ['soon', 'soon'], ['later', 'later']]) {
    await visit(`/?search=${word}&sale=${sale}`);
    await expect(titles(page)).toHaveText([`${word} ${title}`]);
  }
  await visit('/');
  await page.getByRole('link', { name: 'Concerts that are over' }).click();
  await expect(page).toHaveURL('/?sale=past');
});

test('Korean is found by its initial consonants, and by artist and venue', async ({ page, visit, organiser }) => {
  const word = koreanWord();
  const [artist, venue] = [unique(), unique()];
  const concert = await organiser.createConcert({ title: `${word} 콘서트`, artist: `The ${artist}`, venue: `${venue} 홀` });
  for (const asked of [initials(word), word.slice(0, 4) + initials(word.slice(4)), `${artist} ${venue}`, `${word}콘서트`, word.normalize('NFD')]) {
    await visit('/');
    await search(page).fill(asked);
    await find(page);
    await expect(titles(page).filter({ hasText: word }), asked).toHaveText([concert.title]);
  }
});

test('filters and order are in the address, and each can be taken back', async ({ page, visit, organiser }) => {
  const word = unique();
  for (const [title, genre, price, day] of [
    ['one', 'jazz', '10000', '2031-03-01'],
    ['two', 'jazz', '30000', '2031-01-01'],
    ['three', 'rock', '20000', '2031-02-01'],
  ]) {
    await organiser.createConcert({
      title: `${word} ${title}`,
      genre,
      price_won: price,
      starts_at: `${day}T19:00`,
      ends_at: `${day}T21:00`,
    });
  }
  const named = (...names: string[]) => names.map((name) => `${word} ${name}`);
  await visit(`/?search=${word}`);
  await page.getByText('Dates, price and order').click();
  await page.getByLabel('Order').selectOption('price_low');
  await find(page);
  await expect(titles(page)).toHaveText(named('one', 'three', 'two'));
  await page.getByLabel('Genre').selectOption('jazz');
  await find(page);
  await expect(titles(page)).toHaveText(named('one', 'two'));
  await page.getByLabel('Price up to').fill('10000');
  await find(page);
  await expect(titles(page)).toHaveText(named('one'));
  await expect(page.getByText('1 concert', { exact: true })).toBeVisible();

  // The URL contains the whole query, in any browser.
  const address = page.url();
  await visit('/');
  await visit(address);
  await expect(titles(page)).toHaveText(named('one'));
  await expect(page.getByLabel('Price up to')).toBeVisible();
  await expect(page.getByLabel('Order')).toHaveValue('price_low');

  const asked = page.getByRole('list', { name: 'What you asked for' });
  await asked.getByRole('link', { name: 'Remove: Jazz' }).click();
  await expect(titles(page)).toHaveText(named('one'));
  await expect(page.getByLabel('Genre')).toHaveValue('');
  await asked.getByRole('link', { name: 'Remove: Up to ₩10,000' }).click();
  await expect(titles(page)).toHaveText(named('one', 'three', 'two'));
  await page.goBack();
  await expect(titles(page)).toHaveText(named('one'));

  await visit(`/?search=${word}&from=2031-01-15&to=2031-02-28&sort=nonsense`);
  await expect(titles(page)).toHaveText(named('three'));
  await asked.getByRole('link', { name: 'Remove all' }).click();
  await expect(page).toHaveURL('/');
});

test('what nobody offers leaves a way on', async ({ page, visit }) => {
  await visit('/');
  await search(page).fill(`${unique()} <nothing> "like" it`);
  await find(page);
  await expect(page.getByRole('heading', { name: 'No concert fits that.' })).toBeVisible();
  await expect(page.getByRole('status')).toHaveText('0 concerts');
  await page.getByRole('main').getByRole('link', { name: 'Show all concerts' }).click();
  await expect(page).toHaveURL('/');
  await expect(search(page)).toHaveValue('');
});

test('results follow the typing without a reload', { tag: '@script' }, async ({ page, visit, organiser }) => {
  const word = unique();
  await organiser.createConcert({ title: `${word} one`, genre: 'jazz' });
  await organiser.createConcert({ title: `${word} two`, genre: 'rock' });
  await visit('/');
  await pages.markDocument(page);
  await search(page).pressSequentially(word, { delay: 20 });
  await expect(titles(page)).toHaveCount(2);
  await expect(page.getByRole('status')).toHaveText('2 concerts');
  await expect(page).toHaveURL(`/?search=${word}`);
  await expect(search(page)).toBeFocused();
  await search(page).pressSequentially(' on', { delay: 20 });
  await expect(titles(page)).toHaveText([`${word} one`]);
  await search(page).fill(word);
  await expect(titles(page)).toHaveCount(2);

  // A choice is a history entry of its own; the whole word was one.
  await page.getByLabel('Genre').selectOption('rock');
  await expect(titles(page)).toHaveText([`${word} two`]);
  await expect(page).toHaveURL(`/?search=${word}&genre=rock`);
  await page.goBack();
  await expect(titles(page)).toHaveCount(2);
  await expect(page.getByLabel('Genre')).toHaveValue('');
  await page.goBack();
  await expect(page).toHaveURL('/');
  await expect(page.getByRole('region', { name: 'Selling now' })).toBeVisible();
  await expect(search(page)).toHaveValue('');
  await page.goForward();
  await expect(titles(page)).toHaveCount(2);
  await expect(search(page)).toHaveValue(word);
  await pages.expectSameDocument(page);

  // From a result and back again.
  await titles(page).first().getByRole('link').click();
  await expect(page.getByRole('heading', { level: 1 })).toContainText(word);
  await page.goBack();
  await expect(titles(page)).toHaveCount(2);
});

test('going back before the page has come to life shows what the address says', { tag: '@script' }, async ({ page, visit, organiser }) => {
  const word = unique();
  await organiser.createConcert({ title: `${word} one`, genre: 'jazz' });
  await organiser.createConcert({ title: `${word} two`, genre: 'rock' });
  await visit(`/?search=${word}`);
  await page.getByLabel('Genre').selectOption('rock');
  await expect(titles(page)).toHaveText([`${word} two`]);
  const letGo = await pages.holdScripts(page);
  // The history entry before the reload was within one document: the browser returns to it without
  // a request to the server.
  await page.reload({ waitUntil: 'commit' });
  await expect(titles(page)).toHaveText([`${word} two`]);
  await page.evaluate(() => history.back());
  await expect(page).toHaveURL(`/?search=${word}`);
  await pages.markDocument(page);
  letGo();
  await expect(titles(page)).toHaveCount(2);
  await expect(page.getByLabel('Genre')).toHaveValue('');
  await pages.expectSameDocument(page);
});

test('what is typed and chosen before the page has come to life is searched for', { tag: '@script' }, async ({ page, organiser }) => {
  const word = unique();
  await organiser.createConcert({ title: `${word} one`, genre: 'jazz' });
  await organiser.createConcert({ title: `${word} two`, genre: 'rock' });
  const letGo = await pages.holdScripts(page);
  await page.goto('/');
  await pages.markDocument(page);
  await page.getByLabel('Genre').selectOption('rock');
  await search(page).fill(word);
  letGo();
  await expect(titles(page)).toHaveText([`${word} two`]);
  await expect(page).toHaveURL(`/?search=${word}&genre=rock`);
  await expect(search(page)).toBeFocused();
  await pages.expectSameDocument(page);
});

test('an answer that comes late is dropped', { tag: '@script' }, async ({ page, visit, organiser }) => {
  const word = unique();
  await organiser.createConcert({ title: `${word} first` });
  await organiser.createConcert({ title: `${word} second` });
  await visit('/');
  let letGo = () => {};
  const held = new Promise<void>((resolve) => (letGo = resolve));
  await page.route(`**/?search=${word}%20first`, async (route) => {
    await held;
    await route.continue();
  });
  await search(page).fill(`${word} first`);
  await expect(page.locator('#results')).toHaveAttribute('aria-busy', 'true');
  await search(page).fill(`${word} second`);
  await expect(titles(page)).toHaveText([`${word} second`]);
  await expect(page.locator('#results')).toHaveAttribute('aria-busy', 'false');
  const late = page.waitForResponse(`**/?search=${word}%20first`);
  letGo();
  await (await late).finished();
  await expect(titles(page)).toHaveText([`${word} second`]);
});

test('a search that does not get through says so, and the form still works', { tag: '@script' }, async ({ page, visit, organiser, expectComplaint }) => {
  expectComplaint(/Failed to load resource/);
  const word = unique();
  await organiser.createConcert({ title: `${word} one` });
  await visit('/');
  await pages.markDocument(page);
  await page.route(`**/?search=${word}`, (route) => (route.request().isNavigationRequest() ? route.continue() : route.abort()));
  await search(page).fill(word);
  await expect(page.getByRole('status')).toHaveText('That search did not get through. Press Find to try again.');
  await page.unroute(`**/?search=${word}`);
  await find(page);
  await expect(titles(page)).toHaveText([`${word} one`]);
  await pages.expectAnotherDocument(page);
});

test('a Korean keyboard on its way to a word keeps what it finds', { tag: '@script' }, async ({ page, visit, organiser }) => {
  const word = `${koreanWord()} 콘서트`;
  const concert = await organiser.createConcert({ title: word });
  await visit('/');
  // The value of the input after each key.
  const before = word.split(' ')[0];
  for (const typed of ['ㅋ', '코', '콘', '콘ㅅ', '콘서', '콘섵', '콘서트']) {
    await search(page).fill(`${before} ${typed}`);
    await expect(page).toHaveURL(`/?search=${encodeURIComponent(`${before} ${typed}`)}`);
    await expect(titles(page)).toHaveText([concert.title]);
  }
});
