// From signing up to the ticket without a mouse or a finger.

import type { Locator, Page } from '@playwright/test';
import { expect, test } from '../support/test';
import { newcomer } from '../support/people';
import * as pages from '../support/pages';

/** Upper bound on presses of Tab to reach an element. */
const MOST_TABS = 60;

const isFocused = (target: Locator): Promise<boolean> =>
  target.evaluateAll((elements) => elements.some((element) => element === document.activeElement));

/**
 * Presses Tab until the target has the focus, and checks at every step that the focus is visible.
 */
async function tabTo(page: Page, target: Locator): Promise<void> {
  await expect(target).toBeVisible();
  // Whether the focus is visible depends on the styles, so they must be loaded.
  await page.waitForLoadState();
  for (let tabs = 0; tabs < MOST_TABS; tabs++) {
    if (await isFocused(target)) return;
    await page.keyboard.press('Tab');
    const shown = await page.evaluate(() => {
      const element = document.activeElement;
      if (!element || element === document.body) return 'nothing';
      // A card shows the focus ring of the link inside.
      const ringed = (around: Element | null): boolean => {
        if (!around) return false;
        const { outlineStyle, outlineWidth } = getComputedStyle(around);
        return (outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2) || ringed(around.parentElement);
      };
      const { width, height } = element.getBoundingClientRect();
      return ringed(element) && width * height > 0 ? 'seen' : `unseen: ${element.outerHTML.slice(0, 200)}`;
    });
    expect(shown).not.toMatch(/^unseen/);
  }
  throw new Error(`${target} cannot be reached with Tab`);
}

test('the keyboard alone completes sign-up to ticket', { tag: '@journey' }, async ({ page, visit, words, organiser }) => {
  const concert = await organiser.createConcert();
  const me = newcomer('keys');
  const header = pages.header(page);
  const main = page.getByRole('main');
  const go = async (target: Locator, key = 'Enter') => {
    await tabTo(page, target);
    await page.keyboard.press(key);
  };

  await test.step('the first stop leads past the header', async () => {
    await visit('/');
    await page.keyboard.press('Tab');
    const skip = page.locator('a[href="#content"]');
    await expect(skip).toBeFocused();
    await expect(skip).toBeInViewport();
    await page.keyboard.press('Enter');
    await page.keyboard.press('Tab');
    expect(await main.evaluate((element) => element.contains(document.activeElement)), 'the next stop is in the page').toBe(true);
  });

  await test.step('sign up', async () => {
    await visit('/');
    await go(header.getByRole('link', { name: words.signUp }));
    await expect(page.getByRole('heading', { level: 1, name: words.signUp })).toBeVisible();
    for (const name of ['account_name', 'password', 'name', 'nickname', 'email'] as const) {
      await tabTo(page, pages.field(page, name));
      await page.keyboard.type(me[name]);
    }
    await page.keyboard.press('Enter');
    await pages.expectLoggedInAs(page, me.nickname);
  });

  await test.step('find the concert', async () => {
    await tabTo(page, main.locator('input[name="search"]'));
    await page.keyboard.type(concert.title);
    await page.keyboard.press('Enter');
    await expect(page.locator('main li h2')).toHaveText([concert.title]);
    await go(main.getByRole('link', { name: concert.title, exact: true }));
    await expect(page.getByRole('heading', { level: 1, name: concert.title })).toBeVisible();
  });

  await test.step('join, and wait for the turn', async () => {
    const join = page.getByRole('button', { name: words.join });
    await expect(join).toBeEnabled();
    await go(join, 'Space');
    await expect(page).toHaveURL(/\/queue$/);
    await pages.expectStanding(page, 'issued');
  });

  await test.step('see the ticket', async () => {
    await go(page.getByRole('link', { name: words.seeTicket }));
    await expect(page).toHaveURL(/\/tickets\/\d+$/);
    await expect(page.getByTestId('ticket')).toContainText(me.nickname);
  });

  await test.step('open and close what asks before it acts', async () => {
    const summary = page.locator('main details.second-thought > summary').first();
    await go(summary);
    await expect(summary.locator('..')).toHaveAttribute('open', '');
    await page.keyboard.press('Space');
    await expect(summary.locator('..')).not.toHaveAttribute('open', '');
  });

  await test.step('log out', async () => {
    await visit('/');
    await go(header.getByRole('button', { name: words.logOut }));
    await pages.expectLoggedOut(page, words);
  });
});
