import { expect, test } from '../support/test';
import { STANDSTILL, standStill } from '../support/people';
import { english as words } from '../support/words';
import * as pages from '../support/pages';

test('an organiser pauses a sale, sees who waits, resumes it', async ({ page, context, visit, organiser, signUp }) => {
  const concert = await organiser.createConcert({ interval_ms: '200' });
  await organiser.lendSession(context);
  await visit(`/concerts/${concert.id}`);
  const control = pages.saleControl(page);
  await expect(control.getByText('Nothing so far.')).toBeVisible();
  await expect(pages.saleState(page)).toHaveText('Open');

  const pause = control.getByRole('button', { name: 'Yes, pause it' });
  await expect(pause).toBeHidden();
  await control.getByText('Pause the sale', { exact: true }).click();
  await expect(control.getByText('No ticket goes out until you resume.')).toBeVisible();
  await pause.click();
  await expect(pages.saleState(page)).toHaveText('Paused');
  await expect(control.getByText('Resume the sale', { exact: true })).toBeVisible();
  await expect(control.getByText('Pause the sale', { exact: true })).toHaveCount(0);
  await expect(page).toHaveURL(pages.concertAddress(concert.id));

  const person = await signUp();
  await person.join(concert);
  await visit(`/concerts/${concert.id}`);
  await control.getByText('Close for good', { exact: true }).click();
  await expect(control.getByText('1 person is waiting and will be told that the sale is over.')).toBeVisible();
  expect((await person.place(concert)).standing).toBe('waiting');

  await control.getByText('Resume the sale', { exact: true }).click();
  await control.getByRole('button', { name: 'Yes, resume it' }).click();
  await expect(pages.saleState(page)).toHaveText('Open');
  await expect.poll(async () => (await person.place(concert)).standing).toBe('issued');
  const changes = control.getByTestId('sale-changes').getByRole('listitem');
  await expect(changes).toHaveText([/Sale:\s+Paused.*Open.*KST/s, /Sale:\s+Open.*Paused.*KST/s]);
});

test('a sale is closed for good after a second thought', async ({ page, context, visit, anotherBrowser, organiser, signUp }) => {
  const concert = await standStill(organiser);
  const person = await signUp();
  await person.join(concert);
  const other = await anotherBrowser();
  await person.lendSession(other.context());
  await visit(`/concerts/${concert.id}/queue`, other);
  await expect(pages.rank(other)).toHaveText('1');

  await organiser.lendSession(context);
  await visit(`/concerts/${concert.id}`);
  const control = pages.saleControl(page);
  const close = control.getByRole('button', { name: 'Yes, close the sale for good' });
  await expect(close).toBeHidden();
  // By keyboard alone.
  await control.locator('summary', { hasText: 'Close for good' }).focus();
  await page.keyboard.press('Enter');
  await expect(control.getByText('This cannot be undone.')).toBeVisible();
  await close.focus();
  await page.keyboard.press('Enter');
  await expect(pages.saleState(page)).toHaveText('Closed');
  await expect(control.getByRole('button')).toHaveCount(0);
  await expect(page.getByRole('button', { name: words.join })).toHaveCount(0);
  await expect.poll(async () => (await person.place(concert)).standing).toBe('expired');
  await pages.expectStanding(other, 'expired');
});

test('what is changed in the form is on record beside the controls', async ({ page, context, visit, organiser }) => {
  const concert = await organiser.createConcert({ interval_ms: STANDSTILL });
  await organiser.lendSession(context);
  await visit(`/concerts/${concert.id}/edit`);
  await pages.fill(page, { capacity: '1400', interval_ms: '1500' });
  await pages.submit(page);
  await expect(page).toHaveURL(pages.concertAddress(concert.id));
  const control = pages.saleControl(page);
  await expect(control.getByText('At most 5 tickets every 1.5 seconds.')).toBeVisible();
  const changes = control.getByTestId('sale-changes').getByRole('listitem');
  await expect(changes).toHaveText([
    /Time between batches:\s+1 hour.*1\.5 seconds/s,
    /Tickets in all:\s+300.*1,400/s,
  ]);
});

test('whoever may not steer a sale sees no controls', async ({ page, context, visit, organiser, signUp }) => {
  const concert = await organiser.createConcert();
  const person = await signUp();
  await person.lendSession(context);
  await visit(`/concerts/${concert.id}`);
  await expect(page.getByRole('button', { name: words.join })).toBeVisible();
  await expect(pages.saleControl(page)).toHaveCount(0);
  const refused = await person.send('/api/steer_sale', { id: String(concert.id), action: 'close' });
  expect(refused.status()).toBe(403);
});
