import { expect, test } from '../support/test';
import { concertForm, organiser as houseManager, STANDSTILL } from '../support/people';
import { control, expectFigure, figure, open } from '../support/desk';
import * as pages from '../support/pages';

const FANS = 5;

test('from a draft to the end of the sale', { tag: '@journey' }, async ({ page, visit, words, crowd, anotherBrowser, javaScriptEnabled }) => {
  const form = concertForm({ capacity: '40', batch_size: '1', interval_ms: STANDSTILL });
  const fans = await crowd(FANS);
  const said = words.organising;

  await test.step('log in', async () => {
    await visit('/log-in');
    await pages.logIn(page, words, houseManager.accountName, houseManager.password);
    await expect(pages.header(page).getByRole('button', { name: words.logOut })).toBeVisible();
  });

  await test.step('prepare a concert as a draft, and see it as buyers will', async () => {
    await pages.header(page).getByRole('link', { name: words.myConcerts }).click();
    await page.getByRole('link', { name: words.newConcert }).click();
    await expect(page.getByRole('heading', { level: 1, name: words.newConcert })).toBeVisible();
    await pages.fill(page, form);
    if (javaScriptEnabled === false) await page.getByRole('button', { name: said.preview }).click();
    await expect(page.getByTestId('preview')).toContainText(form.title);
    await page.getByRole('button', { name: said.saveDraft }).click();
    await expect(page).toHaveURL(/\/concerts\/\d+\/edit$/);
    await expect(page.getByTestId('draft')).toContainText(said.draft);
  });

  const id = Number(/\d+/.exec(new URL(page.url()).pathname)![0]);
  await test.step('publish it', async () => {
    await page.getByText(said.publish, { exact: true }).click();
    await page.getByRole('button', { name: said.publishConfirm }).click();
    await expect(page).toHaveURL(pages.concertAddress(id));
    await expect(page.getByTestId('draft')).toHaveCount(0);
    const somebody = await anotherBrowser();
    await visit(`/concerts/${id}`, somebody);
    await expect(somebody.getByRole('heading', { level: 1, name: form.title })).toBeVisible();
    await expect(somebody.getByRole('link', { name: said.desk })).toHaveCount(0);
  });

  const concert = { id, title: form.title, sale_opens_at: form.sale_opens_at };
  await test.step('watch people come', async () => {
    await page.getByRole('link', { name: said.desk }).click();
    await expect(page).toHaveURL(`/concerts/${id}/desk`);
    for (const fan of fans) await fan.join(concert);
    await expectFigure(page, 'issued', '1', javaScriptEnabled);
    await expectFigure(page, 'waiting', String(FANS - 1), javaScriptEnabled);
    await expectFigure(page, 'left', '39', javaScriptEnabled);
  });

  await test.step('pause, and go on', async () => {
    await (await open(page, 'pause')).click();
    await expect(page.getByTestId('desk-phase')).toHaveText(said.paused);
    await (await open(page, 'resume')).click();
    await expect(page.getByTestId('desk-phase')).toHaveText(said.selling);
  });

  await test.step('give more tickets, faster', async () => {
    const more = await open(page, 'capacity');
    await pages.field(page, 'capacity').fill('41');
    await more.click();
    await expect(figure(page, 'left')).toHaveText('40');
    const faster = await open(page, 'pace');
    await pages.fill(page, { batch_size: '2', interval_ms: '200' });
    await faster.click();
    await expectFigure(page, 'issued', String(FANS), javaScriptEnabled);
    for (const fan of fans) expect((await fan.place(concert)).standing).toBe('issued');
  });

  await test.step('close it, and find all of that on record', async () => {
    await (await open(page, 'close')).click();
    await expect(page.getByTestId('desk-phase')).toHaveText(said.over);
    await expect(control(page, 'close')).toHaveCount(0);
    await page.getByRole('link', { name: said.record }).click();
    const changes = pages.saleControl(page).getByTestId('sale-changes');
    await expect(changes.getByRole('listitem').first()).toContainText(said.closed);
    await changes.locator('summary').click();
    // Published, paused, resumed, capacity, batch size, interval, closed.
    await expect(changes.getByRole('listitem')).toHaveCount(7);
  });
});
