// The organiser's dashboard: live figures, and controls that ask for confirmation.

import { expect, refused, test } from '../support/test';
import { STANDSTILL, standStill } from '../support/people';
import { control, expectFigure, figure, open } from '../support/desk';
import * as pages from '../support/pages';

test('the organiser sees who joins and what is issued', async ({ page, context, visit, organiser, signUp, crowd, javaScriptEnabled }) => {
  const concert = await standStill(organiser, { capacity: '40' });
  await organiser.lendSession(context);
  await visit(`/concerts/${concert.id}`);
  await page.getByRole('link', { name: 'Live desk' }).click();
  await expect(page).toHaveURL(`/concerts/${concert.id}/desk`);
  await expect(page.getByTestId('desk-phase')).toHaveText('On sale now');
  await expectFigure(page, 'issued', '1', javaScriptEnabled);
  await expectFigure(page, 'left', '39', javaScriptEnabled);
  await expectFigure(page, 'waiting', '0', javaScriptEnabled);
  await pages.markDocument(page);

  const people = await crowd(4);
  await Promise.all(people.map((person) => person.join(concert)));
  await expectFigure(page, 'waiting', '4', javaScriptEnabled);
  await (await signUp()).join(concert);
  await expectFigure(page, 'waiting', '5', javaScriptEnabled);
  await people[0]!.leave(concert);
  await expectFigure(page, 'waiting', '4', javaScriptEnabled);
  // In five-second bins: the bin in which they joined has to end first.
  await expect(async () => {
    if (javaScriptEnabled === false) await page.reload();
    const bars = await page.getByTestId('desk-joins').locator('path').getAttribute('d');
    expect(bars!.split('M').length).toBeGreaterThan(2);
  }).toPass();
  await expect(page.getByTestId('desk-joins').getByRole('img')).toHaveAccessibleName(/^Joins per second over the last five minutes: .* now, .* at the highest$/);
  if (javaScriptEnabled !== false) await pages.expectSameDocument(page);
});

test('each control says what it does before it does it', async ({ page, context, visit, organiser, signUp, javaScriptEnabled }) => {
  const concert = await standStill(organiser, { capacity: '40' });
  const person = await signUp();
  await person.join(concert);
  await organiser.lendSession(context);
  await visit(`/concerts/${concert.id}/desk`);

  await (await open(page, 'pause', 'Yes, pause it')).click();
  await expect(page.getByTestId('desk-phase')).toHaveText('Sale paused');
  await expect(control(page, 'pause')).toHaveCount(0);
  await (await open(page, 'resume', 'Yes, resume it')).click();
  await expect(page.getByTestId('desk-phase')).toHaveText('On sale now');

  const more = await open(page, 'capacity', 'Set this number');
  await pages.field(page, 'capacity').fill('1,400');
  await more.click();
  await expect(control(page, 'left')).toContainText('of 1,400');

  // A problem is shown next to its field, which stays open with what was typed.
  let set = await open(page, 'pace', 'Set this pace');
  await pages.fill(page, { batch_size: '5000', interval_ms: '200' });
  await set.click();
  await expect(pages.problem(page, 'batch_size')).toBeVisible();
  await expect(pages.field(page, 'batch_size')).toHaveValue('5000');
  await pages.fill(page, { batch_size: '2' });
  set = control(page, 'pace').getByRole('button', { name: 'Set this pace' });
  await set.click();
  await expect(page.getByText('At most 2 tickets every 0.2 seconds.')).toBeVisible();
  await expect.poll(async () => (await person.place(concert)).standing).toBe('issued');
  await expectFigure(page, 'issued', '2', javaScriptEnabled);

  // By keyboard alone.
  const close = control(page, 'close');
  await close.locator('summary').focus();
  await page.keyboard.press('Enter');
  await expect(close.getByText('This cannot be undone.')).toBeVisible();
  await close.getByRole('button').focus();
  await page.keyboard.press('Enter');
  await expect(page.getByTestId('desk-phase')).toHaveText('Sale over');
  await expect(page.getByTestId('desk-controls').getByRole('button')).toHaveCount(0);

  await page.getByRole('link', { name: 'What was changed' }).click();
  const changes = pages.saleControl(page).getByTestId('sale-changes').getByRole('listitem');
  await expect(changes.first()).toHaveText(/Sale:\s+Open.*Closed/s);
});

test('what is open and typed is not taken away', async ({ page, context, visit, organiser, signUp, javaScriptEnabled }) => {
  test.skip(javaScriptEnabled === false, 'the page stands still');
  const concert = await standStill(organiser);
  await organiser.lendSession(context);
  await visit(`/concerts/${concert.id}/desk`);
  await open(page, 'capacity', 'Set this number');
  await pages.field(page, 'capacity').fill('77');
  // Time for the page to update: the figures show that it has.
  await (await signUp()).join(concert);
  await expect(figure(page, 'waiting')).toHaveText('1');
  await expect(pages.field(page, 'capacity')).toHaveValue('77');
  // Another admin's pause shows once no control is open any more.
  await organiser.send('/api/steer_sale', { id: String(concert.id), action: 'pause' });
  await expect(page.getByTestId('desk-phase')).toHaveText('Sale paused');
  await expect(control(page, 'resume')).toHaveCount(0);
  await control(page, 'capacity').locator('summary').click();
  await page.getByRole('heading', { level: 1 }).click();
  await expect(control(page, 'resume')).toBeVisible();
});

test('a server that cannot be reached is said, and the figures come back', async ({ page, context, visit, organiser, expectComplaint, javaScriptEnabled }) => {
  test.skip(javaScriptEnabled === false, 'the page stands still');
  expectComplaint(/ERR_INTERNET_DISCONNECTED/);
  const concert = await organiser.createConcert({ interval_ms: STANDSTILL });
  await organiser.lendSession(context);
  await visit(`/concerts/${concert.id}/desk`);
  const stale = page.getByText('We cannot reach the sale just now.');
  await expect(stale).toBeHidden();
  await context.setOffline(true);
  await expect(stale).toBeVisible();
  await context.setOffline(false);
  await expect(stale).toBeHidden();
});

test('the desk is on one screen and nobody else has it', async ({ page, context, visit, organiser, signUp, expectComplaint }) => {
  const concert = await organiser.createConcert({ interval_ms: STANDSTILL });
  await organiser.lendSession(context);
  await page.setViewportSize({ width: 1280, height: 800 });
  await visit(`/concerts/${concert.id}/desk`);
  for (const part of ['desk-now', 'desk-controls']) {
    const box = await page.getByTestId(part).boundingBox();
    expect(box!.y + box!.height, part).toBeLessThanOrEqual(800);
  }
  expectComplaint(refused(403));
  await context.clearCookies();
  await (await signUp()).lendSession(context);
  await visit(`/concerts/${concert.id}/desk`);
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Not with this account');
  await expect(page.getByTestId('desk-now')).toHaveCount(0);
});
