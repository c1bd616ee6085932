import type { Page } from '@playwright/test';
import { expect, test } from '../support/test';

/** Expects the background colour of the page. */
const expectPaper = (page: Page, colour: string): Promise<void> => expect(page.locator('body')).toHaveCSS('background-color', colour);

const hall = 'rgb(16, 20, 42)';
const lobby = 'rgb(245, 239, 227)';

test('light or dark is chosen in the footer, comes back to the same page, and stays', async ({ page, visit, organiser }) => {
  const concert = await organiser.createConcert();
  await page.emulateMedia({ colorScheme: 'light' });
  await visit(`/concerts/${concert.id}`);
  await expectPaper(page, lobby);
  const colours = page.getByRole('group', { name: 'Colours' });
  await expect(colours.getByRole('button', { name: 'As my device' })).toHaveAttribute('aria-pressed', 'true');

  await colours.getByRole('button', { name: 'Dark' }).click();
  await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark');
  await expect(page).toHaveURL(new RegExp(`/concerts/${concert.id}`));
  await expect(colours.getByRole('button', { name: 'Dark' })).toHaveAttribute('aria-pressed', 'true');
  await expectPaper(page, hall);
  await visit('/sign-up');
  await expectPaper(page, hall);

  await colours.getByRole('button', { name: 'As my device' }).click();
  await expect(page.locator('html')).toHaveAttribute('data-theme', 'device');
  await expectPaper(page, lobby);
  await page.emulateMedia({ colorScheme: 'dark' });
  await expectPaper(page, hall);
});
