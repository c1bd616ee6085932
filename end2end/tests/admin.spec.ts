// The admin pages.

import { english as words } from '../support/words';
import * as pages from '../support/pages';
import { newcomer, password } from '../support/people';
import { expect, refused, test } from '../support/test';

test('an admin finds an account, gives it a role, deactivates and restores it, and all of it is on record', async ({
  page,
  context,
  visit,
  signUp,
  admin,
}) => {
  const form = newcomer('patron');
  const patron = await signUp(form);
  await admin.lendSession(context);
  await visit('/');
  await pages.header(page).getByRole('link', { name: 'Administration' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Administration' })).toBeVisible();
  await expect(page.getByTestId('online')).toHaveText(/[1-9]/);
  await expect(page.getByTestId('attendance').getByRole('row')).toHaveCount(8);

  await page.getByLabel('Search by name, nickname or e-mail').fill(form.email.toUpperCase());
  await page.getByRole('button', { name: words.find }).click();
  await expect(page.getByText('1 account', { exact: true })).toBeVisible();
  await page.getByTestId('accounts').getByRole('link', { name: form.account_name }).click();
  await expect(page.getByRole('heading', { level: 1, name: form.account_name })).toBeVisible();

  await page.getByLabel('New role').selectOption('organiser');
  await page.getByRole('button', { name: 'Change the role' }).click();
  await expect(page.getByTestId('account-role')).toHaveText('Organiser');
  // The role applies from the next request on.
  expect(await patron.createConcert()).toBeTruthy();

  await page.getByText('Deactivate', { exact: true }).click();
  await page.getByRole('button', { name: 'Yes, deactivate this account' }).click();
  await expect(page.getByTestId('account-state')).toContainText('Deactivated on');
  expect((await patron.http.get('/api/list_tickets')).status()).toBe(401);
  const refusal = await patron.send('/api/log_in', { account_name: form.account_name, password });
  expect(await refusal.json()).toEqual({ code: 'account_deactivated' });

  await page.getByRole('button', { name: 'Restore this account' }).click();
  await expect(page.getByTestId('account-state')).toHaveText('Active');
  expect((await patron.send('/api/log_in', { account_name: form.account_name, password })).ok()).toBe(true);

  await visit('/admin');
  const record = page.getByTestId('admin-actions');
  for (const deed of [
    `changed the role of ${form.account_name} from Concert-goer to Organiser`,
    `deactivated ${form.account_name}`,
    `restored ${form.account_name}`,
  ]) {
    await expect(record).toContainText(deed);
  }
});

test('an admin cannot take their own rights away', async ({ page, context, visit, admin }) => {
  await admin.lendSession(context);
  await visit(`/admin?search=${admin.accountName}`);
  await page.getByTestId('accounts').getByRole('link', { name: admin.accountName }).click();
  await expect(page.getByRole('main')).toContainText('This is your own account.');
  await expect(page.getByLabel('New role')).toHaveCount(0);
});

test('nobody else sees any of it', async ({ page, context, visit, organiser, expectComplaint }) => {
  expectComplaint(refused(403));
  await organiser.lendSession(context);
  await visit('/');
  await expect(pages.header(page).getByRole('link', { name: words.myConcerts })).toBeVisible();
  await expect(pages.header(page).getByRole('link', { name: 'Administration' })).toHaveCount(0);
  for (const path of ['/admin', '/admin/accounts/1']) {
    expect((await page.goto(path))?.status(), path).toBe(403);
  }
});
