// "My page": the account's sessions, its settings, and its deletion.

import { english as words } from '../support/words';
import * as pages from '../support/pages';
import { newcomer, password, Person } from '../support/people';
import { expect, refused, test } from '../support/test';

const NEW_PASSWORD = 'a lantern in the orchard';

test('another device is logged out from here, and told so', async ({ page, visit, signUp, anotherBrowser, expectComplaint }) => {
  const form = newcomer();
  await signUp(form);
  await visit('/log-in');
  await pages.logIn(page, words, form.account_name, password);
  await pages.expectLoggedInAs(page, form.nickname);
  const other = await anotherBrowser();
  await visit('/log-in', other);
  await pages.logIn(other, words, form.account_name, password);
  await pages.expectLoggedInAs(other, form.nickname);

  await visit('/account');
  const sessions = page.getByTestId('sessions');
  // The session of the sign-up is the third.
  await expect(sessions.getByRole('listitem')).toHaveCount(3);
  await expect(sessions.getByRole('listitem').first()).toContainText('This device');
  await expect(sessions.getByRole('listitem').first()).toContainText('Chrome');
  await expect(sessions.getByRole('listitem').first()).toContainText('127.0.0.1');
  await sessions.getByRole('button', { name: 'Log out all 2 other devices' }).click();
  await expect(page.getByText('Every other device is logged out.')).toBeVisible();
  await expect(sessions.getByRole('listitem')).toHaveCount(1);

  expectComplaint(refused(401));
  await other.goto('/tickets');
  await expect(other).toHaveURL('/log-in?next=/tickets');
  await expect(other.getByTestId('why-logged-out')).toHaveText('You were logged out from another device.');
  await pages.expectLoggedInAs(page, form.nickname);
});

test('one device of several is logged out', async ({ page, context, visit, signUp }) => {
  const form = newcomer();
  const person = await signUp(form);
  const phone = await Person.logIn(form.account_name);
  await person.lendSession(context);
  await visit('/account');
  const sessions = page.getByTestId('sessions');
  await expect(sessions.getByRole('listitem')).toHaveCount(2);
  await sessions.getByRole('listitem').nth(1).getByRole('button', { name: words.logOut }).click();
  await expect(page.getByText('That device is logged out.')).toBeVisible();
  await expect(sessions.getByRole('listitem')).toHaveCount(1);
  expect((await phone.http.get('/api/list_tickets')).status()).toBe(401);
  await phone.dispose();
});

test('a profile is changed, and every page knows', async ({ page, context, visit, signUp, expectComplaint }) => {
  expectComplaint(refused(403));
  expectComplaint(refused(409));
  const form = newcomer();
  const taken = newcomer('taken');
  await signUp(taken);
  await (await signUp(form)).lendSession(context);
  await visit('/account');
  await page.getByRole('link', { name: 'Change your profile' }).click();
  await expect(pages.field(page, 'nickname')).toHaveValue(form.nickname);
  await pages.fill(page, { nickname: 'Moonlight', email: taken.email });
  await pages.submit(page);
  await expect(pages.problem(page, 'current_password')).toHaveText('This is not your password.');
  await pages.fill(page, { current_password: password });
  await pages.submit(page);
  await expect(pages.problem(page, 'email')).toHaveText('Somebody already uses this one.');
  await expect(pages.field(page, 'nickname')).toHaveValue('Moonlight');
  await pages.fill(page, { email: `new-${form.email}`, current_password: password });
  await pages.submit(page);
  await expect(page.getByText('Your profile has been changed.')).toBeVisible();
  await expect(page.getByRole('main')).toContainText(`new-${form.email}`);
  await pages.expectLoggedInAs(page, 'Moonlight');
});

test('a new password needs the old one, and logs every other device out', async ({ page, context, visit, signUp, expectComplaint }) => {
  expectComplaint(refused(403));
  expectComplaint(refused(422));
  const form = newcomer();
  const person = await signUp(form);
  const phone = await Person.logIn(form.account_name);
  await person.lendSession(context);
  await visit('/account/password');
  await pages.fill(page, { current_password: 'not this one', password: NEW_PASSWORD });
  await pages.submit(page);
  await expect(pages.problem(page, 'current_password')).toHaveText('This is not your password.');
  await pages.fill(page, { current_password: password, password: 'short' });
  await pages.submit(page);
  await expect(pages.problem(page, 'password')).toContainText('at least 10');
  await pages.fill(page, { current_password: password, password: NEW_PASSWORD });
  await pages.submit(page);
  await expect(page.getByText('Your password has been changed')).toBeVisible();
  expect((await phone.http.get('/api/list_tickets')).status()).toBe(401);
  await phone.dispose();
  await (await Person.logIn(form.account_name, NEW_PASSWORD)).dispose();
});

test('a deleted account is out at once, and says until when it can come back', async ({ page, context, visit, signUp, expectComplaint }) => {
  expectComplaint(refused(403));
  const form = newcomer();
  await (await signUp(form)).lendSession(context);
  await visit('/account');
  await page.getByRole('link', { name: 'Delete your account' }).click();
  await expect(page.getByRole('main')).toContainText('For 30 days');
  await pages.fill(page, { current_password: password });
  await pages.submit(page);
  await expect(page.getByText('Your account has been deleted.')).toBeVisible();
  await pages.expectLoggedOut(page, words);
  await visit('/log-in');
  await pages.logIn(page, words, form.account_name, password);
  await expect(pages.summary(page)).toContainText('an administrator can bring it back');
});
