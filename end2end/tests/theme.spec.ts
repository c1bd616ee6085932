import { expect, test } from '../support/test';

/** The colour of the page's paper as it is painted. */
const paper = (page: import('@playwright/test').Page): Promise<string> =>
  page.evaluate(() => getComputedStyle(document.body).backgroundColor);

const hall = 'rgb(16, 20, 42)';
const lobby = 'rgb(245, 239, 227)';

test('light or dark is chosen in the footer, comes back to the same page, and stays', async ({ page, visit, organiser }) => {
  const concert = await organiser.createConcert();
  await page.emulateMedia({ colorScheme: 'light' });
  await visit(`/concerts/${concert.id}`);
  expect(await paper(page)).toBe(lobby);
  const colours = page.getByRole('group', { name: 'Colours' });
  await expect(colours.getByRole('button', { name: 'As my device' })).toHaveAttribute('aria-pressed', 'true');

  await colours.getByRole('button', { name: 'Dark' }).click();
  await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark');
  await expect(page).toHaveURL(new RegExp(`/concerts/${concert.id}`));
  await expect(colours.getByRole('button', { name: 'Dark' })).toHaveAttribute('aria-pressed', 'true');
  expect(await paper(page)).toBe(hall);
  await visit('/sign-up');
  expect(await paper(page)).toBe(hall);

  await colours.getByRole('button', { name: 'As my device' }).click();
  await expect(page.locator('html')).toHaveAttribute('data-theme', 'device');
  expect(await paper(page)).toBe(lobby);
  await page.emulateMedia({ colorScheme: 'dark' });
  expect(await paper(page)).toBe(hall);
});
