// Screen reader support and legibility: axe finds no violation on any page, in four looks that
// contain every pair of language, colours and width.

import AxeBuilder from '@axe-core/playwright';
import type { Page } from '@playwright/test';
import { expect, refused, test } from '../support/test';
import { kst, newcomer, standStill, standStillAs, type Concert, type Person } from '../support/people';
import * as pages from '../support/pages';

const widths = { wide: { width: 1280, height: 800 }, narrow: { width: 390, height: 844 } } as const;
/** Of the eight looks the four in which each pair of language, colours and width occurs. */
const looks = [
  { language: 'ko', colors: 'light', width: 'wide' },
  { language: 'ko', colors: 'dark', width: 'narrow' },
  { language: 'en', colors: 'light', width: 'narrow' },
  { language: 'en', colors: 'dark', width: 'wide' },
] as const;

/** Returns everything that axe finds wrong, one line each, with its location. */
async function wrong(page: Page): Promise<string[]> {
  // Targets large enough for fingers: not among the default rules of axe.
  const { violations } = await new AxeBuilder({ page }).options({ rules: { 'target-size': { enabled: true } } }).analyze();
  return violations.flatMap(({ id, help, nodes }) => nodes.map((node) => `${id} (${help}): ${node.target.join(' ')}\n${node.failureSummary}`));
}

/** Checks the open page in its current state, in both colours and widths. */
async function expectNothingWrong(page: Page): Promise<void> {
  for (const colorScheme of ['light', 'dark'] as const) {
    for (const [name, size] of Object.entries(widths)) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      await page.setViewportSize(size);
      expect.soft(await wrong(page), `${page.url()} ${colorScheme} ${name}`).toEqual([]);
    }
  }
}

interface Seen {
  path: string;
  as?: 'somebody' | 'organiser' | 'admin';
  status?: number;
}

/**
 * `ID` is a concert that sells and does not move, `SOON` one whose sale has yet to open, `NONE` one
 * that is sold out, `DRAFT` a draft.
 */
const everyPage: Seen[] = [
  { path: '/' },
  { path: '/', as: 'organiser' },
  { path: '/?search=nothing-is-called-this' },
  { path: '/?search=night&sale=selling&price_from=1000&sort=price_low' },
  { path: '/sign-up' },
  { path: '/log-in' },
  { path: '/concerts/ID' },
  { path: '/concerts/SOON' },
  { path: '/concerts/NONE' },
  { path: '/concerts/ID', as: 'somebody' },
  { path: '/concerts/ID', as: 'organiser' },
  { path: '/concerts/ID/edit', as: 'organiser' },
  { path: '/concerts/ID/desk', as: 'organiser' },
  { path: '/concerts/DRAFT', as: 'organiser' },
  { path: '/concerts/DRAFT/edit', as: 'organiser' },
  { path: '/concerts/new?preview=1', as: 'organiser' },
  { path: '/concerts/new', as: 'organiser' },
  { path: '/concerts/new', as: 'somebody', status: 403 },
  { path: '/concerts/mine', as: 'organiser' },
  { path: '/concerts/ID/queue', as: 'somebody' },
  { path: '/concerts/ID/queue', as: 'organiser' },
  { path: '/concerts/SOON/queue', as: 'somebody' },
  { path: '/tickets', as: 'somebody' },
  { path: '/tickets', as: 'organiser' },
  { path: '/tickets/TICKET', as: 'somebody' },
  { path: '/account', as: 'somebody' },
  { path: '/account/profile', as: 'somebody' },
  { path: '/account/password', as: 'somebody' },
  { path: '/account/delete', as: 'somebody' },
  { path: '/admin', as: 'admin' },
  { path: '/admin/accounts/SOMEBODY', as: 'admin' },
  { path: '/nowhere', status: 404 },
];

for (const { path, as, status = 200 } of everyPage) {
  test(`${path}${as ? ` as ${as}` : ''}`, { tag: '@script' }, async ({ page, context, visit, organiser, admin, signUp, expectComplaint }) => {
    test.setTimeout(240_000);
    if (status !== 200) expectComplaint(refused(status));
    const somebody = await signUp(newcomer('reader'));
    if (as) await { somebody, organiser, admin }[as].lendSession(context);
    const address = await filled(path, organiser, somebody, admin);
    for (const { language, colors, width } of looks) {
      await page.emulateMedia({ colorScheme: colors, reducedMotion: 'reduce' });
      await page.setViewportSize(widths[width]);
      await visit(`${address}${address.includes('?') ? '&' : '?'}lang=${language}`);
      await expect(page.locator('html')).toHaveAttribute('lang', language);
      expect.soft(await wrong(page), `${language} ${colors} ${width}`).toEqual([]);
    }
  });
}

/**
 * Serves the page as in a browser without JavaScript. axe itself is a script, so the page's own
 * scripts are removed from the response instead. A page that refreshes itself is checked in the
 * state in which the user has stopped the refresh.
 */
async function withoutScripts(page: Page): Promise<void> {
  await page.route('**/*', async (route) => {
    if (!route.request().isNavigationRequest()) return route.continue();
    const response = await route.fetch();
    const body = (await response.text())
      .replace(/<script\b.*?<\/script>|<link rel="(module)?preload"[^>]*>/gs, '')
      .replace(/<(\/?)noscript>/g, '<$1span>');
    await route.fulfill({ response, body });
  });
}

/** Pages that scripts change: the others are the same without scripts. */
const withIslands = everyPage.filter(({ path, status }) => !status && /^\/($|\?|concerts\/)/.test(path));

for (const { path, as } of withIslands) {
  test(`without JavaScript: ${path}${as ? ` as ${as}` : ''}`, { tag: '@script' }, async ({ page, context, organiser, admin, signUp }) => {
    const somebody = await signUp(newcomer('reader'));
    if (as) await { somebody, organiser, admin }[as].lendSession(context);
    const address = await filled(path, organiser, somebody, admin);
    await withoutScripts(page);
    await page.setViewportSize(widths.narrow);
    await page.goto(`${address}${address.includes('?') ? '&' : '?'}still=1`);
    expect(await page.locator('script, noscript').count()).toBe(0);
    expect(await page.locator('meta[http-equiv="refresh"]').count()).toBe(0);
    expect(await wrong(page)).toEqual([]);
  });
}

/** Creates what the path refers to and returns the path with its ids. */
async function filled(path: string, organiser: Person, somebody: Person, admin: Person): Promise<string> {
  const concert = async (name: string, make: () => Promise<Concert>): Promise<void> => {
    if (path.includes(name)) path = path.replace(name, String((await make()).id));
  };
  if (path === '/') await organiser.createConcert();
  const waits = path.endsWith('ID/queue');
  await concert('ID', async () => {
    const made = await standStill(organiser);
    if (waits) await somebody.join(made);
    return made;
  });
  await concert('SOON', () => organiser.createConcert({ sale_opens_at: kst(86_400) }));
  await concert('DRAFT', () => organiser.createConcert({ draft: 'true' }));
  await concert('NONE', async () => {
    const made = await organiser.createConcert({ capacity: '1' });
    await issued(somebody, made);
    return made;
  });
  if (path.startsWith('/tickets')) {
    await issued(somebody, await organiser.createConcert());
    await somebody.join(await standStill(organiser));
  }
  if (path.includes('TICKET')) path = path.replace('TICKET', String((await somebody.tickets())[0]!.id));
  if (path.includes('SOMEBODY')) {
    const found = await (await admin.http.get(`/api/list_accounts?search=${somebody.accountName}`)).json();
    path = path.replace('SOMEBODY', String(found.accounts[0].id));
  }
  return path;
}

async function issued(person: Person, concert: Concert): Promise<void> {
  await person.join(concert);
  await expect.poll(async () => (await person.place(concert)).standing).toBe('issued');
}

test('a form that was refused', { tag: '@script' }, async ({ page, visit, expectComplaint }) => {
  expectComplaint(/Failed to load resource/);
  await visit('/sign-up');
  await pages.submit(page);
  await expect(pages.summary(page)).toBeVisible();
  await expectNothingWrong(page);
});

test('my turn: the page of a ticket that was just issued', { tag: '@script' }, async ({ page, context, visit, organiser, signUp }) => {
  const concert = await organiser.createConcert();
  const somebody = await signUp();
  await issued(somebody, concert);
  await somebody.lendSession(context);
  await visit(`/concerts/${concert.id}/queue`);
  await pages.expectStanding(page, 'issued');
  await expectNothingWrong(page);
});

for (const outlook of ['paused', 'out_of_reach', 'waiting_list'] as const) {
  test(`a place in a queue that is ${outlook}`, { tag: '@script' }, async ({ page, context, visit, organiser, signUp, crowd }) => {
    const concert = await standStillAs(organiser, outlook);
    const somebody = await signUp();
    for (const person of [...(await crowd(1)), somebody]) await person.join(concert);
    await somebody.lendSession(context);
    await visit(`/concerts/${concert.id}/queue`);
    await expect(page.getByTestId('outlook')).toHaveAttribute('data-outlook', outlook);
    await page.locator('.waiting-ways summary').click();
    await expectNothingWrong(page);
  });
}

test('a desk with all its controls open', { tag: '@script' }, async ({ page, context, visit, organiser }) => {
  const concert = await standStill(organiser);
  await organiser.lendSession(context);
  await visit(`/concerts/${concert.id}/desk`);
  for (const control of await page.locator('.desk-control summary').all()) await control.click();
  await expectNothingWrong(page);
});

test('a place that was left', { tag: '@script' }, async ({ page, context, visit, organiser, signUp }) => {
  const concert = await standStill(organiser);
  const somebody = await signUp();
  await somebody.join(concert);
  await somebody.leave(concert);
  await somebody.lendSession(context);
  await visit(`/concerts/${concert.id}/queue`);
  await pages.expectStanding(page, 'left');
  await expectNothingWrong(page);
});
