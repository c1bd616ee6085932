// How an organiser uses the desk.

import { expect, type Locator, type Page } from '@playwright/test';

export const figure = (page: Page, name: string): Locator => page.getByTestId(`desk-${name}`).locator('.figures');
export const control = (page: Page, name: string): Locator => page.getByTestId(`desk-${name}`);

/** Opens a control, after which its own button can be pressed. */
export async function open(page: Page, name: string, confirm?: string): Promise<Locator> {
  const button = control(page, name).getByRole('button', { name: confirm });
  await expect(button).toBeHidden();
  await control(page, name).locator('summary').click();
  await expect(button).toBeVisible();
  return button;
}

/** What the page shows now; without JavaScript it is as of when it was read. */
export async function expectFigure(page: Page, name: string, text: string, javaScriptEnabled?: boolean): Promise<void> {
  if (javaScriptEnabled !== false) return expect(figure(page, name)).toHaveText(text);
  await expect(async () => {
    await page.reload();
    await expect(figure(page, name)).toHaveText(text, { timeout: 100 });
  }).toPass();
}
