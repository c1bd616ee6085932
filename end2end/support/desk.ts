// How an organiser uses the dashboard.

import { expect, type Locator, type Page } from '@playwright/test';

export const figure = (page: Page, name: string): Locator => page.getByTestId(`desk-${name}`).locator('.figures');
export const control = (page: Page, name: string): Locator => page.getByTestId(`desk-${name}`);

/** Opens a control, and returns its button, which can then be pressed. */
export async function open(page: Page, name: string, confirm?: string): Promise<Locator> {
  const button = control(page, name).getByRole('button', { name: confirm });
  await expect(button).toBeHidden();
  await control(page, name).locator('summary').click();
  await expect(button).toBeVisible();
  return button;
}

/**
 * Expects a figure on the page; without JavaScript it is reloaded, since it shows the time of
 * loading.
 */
export async function expectFigure(page: Page, name: string, text: string, javaScriptEnabled?: boolean): Promise<void> {
  if (javaScriptEnabled !== false) return expect(figure(page, name)).toHaveText(text);
  await expect(async () => {
    await page.reload();
    await expect(figure(page, name)).toHaveText(text, { timeout: 100 });
  }).toPass();
}
