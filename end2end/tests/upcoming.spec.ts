// Before the sale: the countdown, the button that is enabled at the opening, and an opening that
// moves.

import { expect, hydrated, test } from '../support/test';
import { kst } from '../support/people';
import { english as words } from '../support/words';
import * as pages from '../support/pages';

test('before the sale there is a countdown, and the button goes live by itself', { tag: '@script' }, async ({ page, context, visit, organiser, signUp }) => {
  // The clock of the device is wrong by an hour; the button must be neither early nor late.
  await page.addInitScript(() => {
    const here = Date;
    const hour = 3_600_000;
    window.Date = class extends here {
      constructor(...given: ConstructorParameters<typeof Date>) {
        super(...(given.length ? given : ([here.now() + hour] as unknown as typeof given)));
      }
      static override now(): number {
        return here.now() + hour;
      }
    } as typeof Date;
    const live = new MutationObserver(() => {
      const button = document.querySelector('[data-testid="join"]');
      if (!button || button.matches('[disabled], [aria-disabled="true"]')) return;
      Object.assign(window, { liveAt: here.now() });
      live.disconnect();
    });
    live.observe(document, { subtree: true, childList: true, attributes: true });
  });
  const me = await signUp();
  await me.lendSession(context);
  const concert = await organiser.createConcert({ sale_opens_at: kst(25) });
  await visit(`/concerts/${concert.id}`);
  await pages.markDocument(page);
  const join = page.getByRole('button', { name: words.join });
  await expect(join).toBeDisabled();
  await expect(page.getByTestId('countdown')).toHaveText(/00:\d\d/);
  await expect(page.getByText('Not on sale yet')).toBeVisible();
  // A keyboard user waits on the button, and a press too early does nothing.
  await join.focus();
  await page.keyboard.press('Enter');
  await expect(page.getByTestId('opened')).toHaveText('');
  await expect(join).toBeEnabled({ timeout: 60_000 });
  await expect(page.getByTestId('opened')).toHaveText('The sale is open.');
  await expect(page.getByText('On sale now')).toBeVisible();
  await expect(page.getByTestId('countdown')).toHaveCount(0);
  const late = (await page.evaluate(() => (window as unknown as { liveAt: number }).liveAt)) - Date.parse(concert.sale_opens_at);
  expect(late, 'milliseconds after the opening').toBeGreaterThanOrEqual(-100);
  expect(late, 'as fast as a busy machine is').toBeLessThan(15_000);
  await pages.expectSameDocument(page);
  await expect(join).toBeFocused();
  await page.keyboard.press('Enter');
  await pages.expectStanding(page, 'issued');
});

test('a clock that is set while the page is there changes nothing of the opening', { tag: '@script' }, async ({ page, context, visit, organiser, signUp }) => {
  const me = await signUp();
  await me.lendSession(context);
  const concert = await organiser.createConcert({ sale_opens_at: kst(20) });
  await visit(`/concerts/${concert.id}`);
  const join = page.getByTestId('join');
  await expect(join).toBeDisabled();
  // Back by ten minutes, as when the device synchronises with a time server.
  await page.evaluate(() => {
    const now = Date.now.bind(Date);
    Object.assign(window, { really: now });
    Date.now = () => now() - 600_000;
  });
  await expect(join).toBeEnabled({ timeout: 60_000 });
  const late = (await page.evaluate(() => (window as unknown as { really: () => number }).really())) - Date.parse(concert.sale_opens_at);
  expect(late, 'milliseconds after the opening').toBeGreaterThanOrEqual(-100);
  expect(late, 'as fast as a busy machine is').toBeLessThan(15_000);
});

test('a page that wakes long after it came opens at the very instant all the same', { tag: '@script' }, async ({ page, context, organiser, signUp }) => {
  const me = await signUp();
  await me.lendSession(context);
  const concert = await organiser.createConcert({ sale_opens_at: kst(40) });
  const wake = await pages.holdScripts(page);
  await page.goto(`/concerts/${concert.id}`);
  // As on a phone with a slow connection. A page that did not know its own age would be late by as
  // much.
  await page.waitForTimeout(20_000);
  wake();
  await hydrated(page);
  await expect(page.getByTestId('join')).toBeEnabled({ timeout: 60_000 });
  const late = (await page.evaluate(() => Date.now())) - Date.parse(concert.sale_opens_at);
  expect(late, 'not before the opening').toBeGreaterThanOrEqual(-100);
  expect(late, 'as fast as a busy machine is').toBeLessThan(15_000);
});

test('an opening that is moved moves for those who wait for it, too', { tag: '@script' }, async ({ page, context, visit, organiser, signUp }) => {
  const me = await signUp();
  await me.lendSession(context);
  const opens = kst(3 * 3600);
  const concert = await organiser.createConcert({ sale_opens_at: opens });
  await page.clock.install();
  // The page polls four minutes after the last time, and 70 s before the opening.
  await page.addInitScript(() => Object.assign(Math, { random: () => 0.5 }));
  await visit(`/concerts/${concert.id}`);
  await expect(page.getByTestId('countdown')).toHaveText(/02:5\d:\d\d/);
  // As when a user returns from another tab.
  const comeBack = (): Promise<boolean> => page.evaluate(() => document.dispatchEvent(new Event('visibilitychange', { bubbles: true })));
  await pages.markDocument(page);
  const asked = page.waitForResponse(/get_concert/);
  await comeBack();
  await (await asked).finished();
  await pages.expectSameDocument(page);
  await organiser.updateConcert(concert, { sale_opens_at: kst(2 * 3600) });
  const back = page.waitForEvent('load');
  await comeBack();
  await back;
  await expect(page.getByTestId('countdown')).toHaveText(/01:5\d:\d\d/);
  await hydrated(page);
  // A page that stays in view is updated within five minutes.
  await organiser.updateConcert(concert, { sale_opens_at: kst(170) });
  const inAWhile = page.waitForEvent('load');
  await page.clock.fastForward(240_000);
  await inAWhile;
  await expect(page.getByTestId('countdown')).toHaveText(/02:\d\d$/);
  await hydrated(page);
  // And once more shortly before the opening that the page knew.
  await organiser.updateConcert(concert, { sale_opens_at: kst(-1) });
  const before = page.waitForEvent('load');
  await page.clock.fastForward(100_000);
  await before;
  await expect(page.getByTestId('join')).toBeEnabled();
});

test('before the sale the button is not live, and joining is refused', async ({ page, context, visit, organiser, signUp }) => {
  const me = await signUp();
  await me.lendSession(context);
  const concert = await organiser.createConcert({ sale_opens_at: kst(90_061) });
  await visit(`/concerts/${concert.id}`);
  await expect(page.getByRole('button', { name: words.join })).toBeDisabled();
  await expect(page.getByTestId('countdown')).toContainText('1 day');
  const early = await me.send('/api/join_queue', { concert_id: String(concert.id) });
  expect(early.status()).toBe(409);
  expect(await early.json()).toEqual({ code: 'sale_not_open', opens_at: concert.sale_opens_at });
});
