import { expect, refused, test } from '../support/test';
import { newcomer, password, unique } from '../support/people';
import { english as words } from '../support/words';
import * as pages from '../support/pages';

test('a wrong password and an unknown account get the same words', async ({ page, visit, signUp, expectComplaint }) => {
  expectComplaint(refused(401));
  const somebody = await signUp();
  const answers: string[] = [];
  for (const [name, secret] of [
    [somebody.accountName, 'correct horse cattery'],
    [`nobody-${unique()}`, password],
  ] as const) {
    await visit('/log-in');
    await pages.logIn(page, words, name, secret);
    await expect(pages.summary(page)).toBeVisible();
    await expect(pages.field(page, 'account_name')).toHaveValue(name);
    answers.push(await pages.summary(page).innerText());
  }
  expect(answers[0]).toBe('Account name or password is wrong.');
  expect(answers[1]).toBe(answers[0]);
  await pages.expectLoggedOut(page, words);
});

test('a taken name and a taken e-mail are said beside the field, and nothing typed is lost', async ({ page, visit, signUp, expectComplaint }) => {
  expectComplaint(refused(409));
  const taken = newcomer();
  await signUp(taken);
  for (const [name, summary] of [
    ['account_name', 'This account name is taken.'],
    ['email', 'This e-mail address already has an account.'],
  ] as const) {
    const form = { ...newcomer(), name: '김미나 <&> "Mina"', [name]: taken[name] };
    await visit('/sign-up');
    await pages.signUp(page, words, form);
    await expect(pages.summary(page)).toHaveText(summary);
    await expect(pages.problem(page, name)).toHaveText('Somebody already uses this one.');
    await expect(pages.field(page, name)).toHaveAttribute('aria-invalid', 'true');
    for (const kept of ['account_name', 'name', 'nickname', 'email'] as const) {
      await expect(pages.field(page, kept)).toHaveValue(form[kept]);
    }
  }
});

test('a weak password is refused, and the same form then makes the account', async ({ page, visit, expectComplaint }) => {
  expectComplaint(refused(422));
  const form = newcomer();
  await visit('/sign-up');
  await pages.signUp(page, words, { ...form, password: 'aaaaaaaaaaaa' });
  await expect(pages.problem(page, 'password')).toHaveText('Too easy to guess. Use more different characters, and not your account name.');
  await expect(pages.field(page, 'account_name')).toHaveValue(form.account_name);
  await expect(pages.field(page, 'email')).toHaveValue(form.email);
  await pages.field(page, 'password').fill(form.password);
  await pages.submit(page);
  await pages.expectLoggedInAs(page, form.nickname);
});

test('an empty sign-up names every field', async ({ page, visit, expectComplaint }) => {
  expectComplaint(refused(422));
  await visit('/sign-up');
  await pages.submit(page);
  await expect(pages.summary(page).getByRole('link')).toHaveCount(5);
  for (const name of ['account_name', 'password', 'name', 'nickname', 'email']) {
    await expect(pages.problem(page, name)).toHaveText('Please fill this in.');
  }
});

test('whoever is logged in sees who they are', async ({ page, context, visit, signUp }) => {
  const form = newcomer();
  await (await signUp(form)).lendSession(context);
  await visit('/account');
  for (const shown of [form.account_name, form.name, form.nickname, form.email, 'Concert-goer']) {
    await expect(page.getByRole('main')).toContainText(shown);
  }
});

test('a page that needs a log-in comes back after it', async ({ page, visit, signUp }) => {
  const person = await signUp();
  await page.goto('/account');
  await expect(page).toHaveURL('/log-in?next=/account');
  await visit('/log-in?next=/account');
  await pages.logIn(page, words, person.accountName, password);
  await expect(page).toHaveURL('/account');
  await expect(page.getByRole('main')).toContainText(person.accountName);
});

test('signing up leads back as well', async ({ page, visit }) => {
  await visit('/log-in?next=/account');
  await page.getByRole('main').getByRole('link', { name: words.signUp }).click();
  await pages.signUp(page, words, newcomer());
  await expect(page).toHaveURL('/account');
});

test('no address leads to another site after a log-in', async ({ page, visit, signUp }) => {
  const person = await signUp();
  await visit('/log-in?next=//evil.example/');
  await pages.logIn(page, words, person.accountName, password);
  await pages.expectLoggedInAs(page, person.accountName);
  await expect(page).toHaveURL('/');
});

test('what is logged out opens nothing any more', async ({ page, context, visit, signUp }) => {
  const person = await signUp();
  await person.lendSession(context);
  const cookies = await context.cookies();
  await visit('/tickets');
  await pages.header(page).getByRole('button', { name: words.logOut }).click();
  await pages.expectLoggedOut(page, words);
  await context.addCookies(cookies);
  await page.goto('/tickets');
  await expect(page).toHaveURL('/log-in?next=/tickets');
  await pages.expectLoggedOut(page, words);
});

test('a tampered cookie is no session and no failure', async ({ page, context, signUp }) => {
  const person = await signUp();
  await person.lendSession(context);
  const cookies = await context.cookies();
  await context.clearCookies();
  await context.addCookies(
    cookies.map((cookie) => ({ ...cookie, value: cookie.value.replace(/.{6}$/, (end) => [...end].reverse().join('') + 'x') })),
  );
  const home = await page.goto('/');
  expect(home?.status()).toBe(200);
  await pages.expectLoggedOut(page, words);
  await page.goto('/tickets');
  await expect(page).toHaveURL('/log-in?next=/tickets');
});
