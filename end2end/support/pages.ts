// How a user operates the pages, in functions named after what they do.

import { expect, type Locator, type Page } from '@playwright/test';
import type { Place, SignUp } from './people';
import type { Words } from './words';

export const header = (page: Page): Locator => page.locator('header');

export const field = (page: Page, name: string): Locator => page.locator(`main [name="${name}"]`);

/** The problem shown next to a field. */
export const problem = (page: Page, name: string): Locator => page.locator(`#${name}-problem`);

/** The problem shown for the whole form. */
export const summary = (page: Page): Locator => page.locator('main .summary');

export async function fill(page: Page, values: object): Promise<void> {
  for (const [name, value] of Object.entries(values)) {
    const input = field(page, name);
    if (name === 'genre') await input.selectOption(value as string);
    else await input.fill(value as string);
  }
}

/** Sends the form on the page. */
export const submit = (page: Page): Promise<void> => page.locator('main form button[type=submit]').last().click();

export async function signUp(page: Page, words: Words, form: SignUp): Promise<void> {
  await expect(page.getByRole('heading', { level: 1, name: words.signUp })).toBeVisible();
  for (const name of ['account_name', 'password', 'name', 'nickname', 'email'] as const) {
    await page.getByRole('main').getByLabel(words.label[name], { exact: true }).fill(form[name]);
  }
  await page.getByRole('main').getByRole('button', { name: words.signUp }).click();
}

export async function logIn(page: Page, words: Words, accountName: string, password: string): Promise<void> {
  await expect(page.getByRole('heading', { level: 1, name: words.logIn })).toBeVisible();
  const main = page.getByRole('main');
  await main.getByLabel(words.label.account_name, { exact: true }).fill(accountName);
  await main.getByLabel(words.label.password, { exact: true }).fill(password);
  await main.getByRole('button', { name: words.logIn }).click();
}

export const expectLoggedInAs = (page: Page, nickname: string): Promise<void> =>
  expect(header(page).getByRole('link', { name: nickname })).toBeVisible();

export const expectLoggedOut = (page: Page, words: Words): Promise<void> =>
  expect(header(page).getByRole('link', { name: words.logIn })).toBeVisible();

/** The part of the queue page that shows the account's standing. */
export const standing = (page: Page): Locator => page.getByTestId('standing');

export const expectStanding = (page: Page, name: Place['standing']): Promise<void> =>
  expect(standing(page)).toHaveAttribute('data-standing', name);

export const rank = (page: Page): Locator => page.getByTestId('rank');

/** The part of a concert's page on which its organiser steers the sale. */
export const saleControl = (page: Page): Locator => page.getByTestId('sale-control');

export const saleState = (page: Page): Locator => page.getByTestId('sale-state');

/** Pattern of the URL of a concert's page: its id, perhaps followed by the title. */
export const concertAddress = (id: number | string = '\\d+'): RegExp => new RegExp(`/concerts/${id}(-[^/?#]+)?(#.*)?$`);

/** Marks the document on screen; a reload would lose the mark. */
export async function markDocument(page: Page): Promise<void> {
  await page.evaluate(() => Object.assign(window, { marked: true }));
}

export const expectSameDocument = (page: Page): Promise<void> => expectMark(page, true);

export const expectAnotherDocument = (page: Page): Promise<void> => expectMark(page, false);

async function expectMark(page: Page, there: boolean): Promise<void> {
  expect(await page.evaluate(() => 'marked' in window), 'the document is the one that was marked').toBe(there);
}

/** What the queue page showed at one moment. */
export interface Shown {
  rank: number;
  ahead: string;
}

/** Records in the page every state that the queue page shows from now on, each once. */
export async function recordRanks(page: Page): Promise<void> {
  await page.evaluate(() => {
    const shown: { rank: number; ahead: string }[] = [];
    Object.assign(window, { shown });
    const read = () => {
      const text = (id: string) => document.querySelector(`[data-testid="${id}"]`)?.textContent;
      const [rank, ahead] = [text('rank'), text('ahead')];
      if (!rank || !ahead) return;
      const now = { rank: Number(rank.replace(/\D/g, '')), ahead };
      const before = shown.at(-1);
      if (before?.rank !== now.rank || before.ahead !== now.ahead) shown.push(now);
    };
    read();
    // After everything else that the same change triggers: a reader sees the page only then.
    new MutationObserver(() => setTimeout(read)).observe(document.body, { subtree: true, childList: true, characterData: true });
  });
}

export const recordedRanks = (page: Page): Promise<Shown[]> =>
  page.evaluate(() => (window as unknown as { shown: Shown[] }).shown);

/** Keeps a page's islands from hydrating until the returned function is called. */
export async function holdScripts(page: Page): Promise<() => void> {
  let letGo = () => {};
  const held = new Promise<void>((resolve) => (letGo = resolve));
  await page.route('**/*.wasm', async (route) => {
    await held;
    await route.continue();
  });
  return letGo;
}
