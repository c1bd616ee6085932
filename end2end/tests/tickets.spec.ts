import { expect, refused, test } from '../support/test';
import { standStill, type Concert, type Person, type Ticket } from '../support/people';
import { english as words } from '../support/words';
import * as pages from '../support/pages';
import { createPublicKey, verify, type JsonWebKey } from 'node:crypto';
import type { Locator } from '@playwright/test';
import jsQR from 'jsqr';
import { PNG } from 'pngjs';

async function ticketFor(person: Person, concert: Concert): Promise<Ticket> {
  await person.join(concert);
  await expect.poll(async () => (await person.place(concert)).standing).toBe('issued');
  const [ticket] = await person.tickets();
  return ticket!;
}

/** Returns what a camera would read off the screen. */
async function scan(code: Locator): Promise<string | undefined> {
  const { data, width, height } = PNG.sync.read(await code.screenshot());
  return jsQR(new Uint8ClampedArray(data), width, height, { inversionAttempts: 'dontInvert' })?.data;
}

/** Returns whether one of the published keys has signed the text. */
async function isGenuine(person: Person, text: string): Promise<boolean> {
  const { keys } = (await (await person.http.get('/.well-known/frontrow-ticket-keys.json')).json()) as { keys: JsonWebKey[] };
  const end = text.lastIndexOf(':');
  const signature = Buffer.from(text.slice(end + 1), 'hex');
  return keys
    .filter((key) => key.kid === text.split(':')[1])
    .some((key) => verify(null, Buffer.from(text.slice(0, end)), createPublicKey({ key, format: 'jwk' }), signature));
}

test('whoever has no tickets is told how to get one', async ({ page, context, visit, signUp }) => {
  await (await signUp()).lendSession(context);
  await visit('/');
  await pages.header(page).getByRole('link', { name: words.myTickets }).click();
  await expect(page.getByRole('heading', { name: 'No tickets yet' })).toBeVisible();
  await page.getByRole('link', { name: 'Find a concert' }).click();
  await expect(page).toHaveURL('/');
});

test('a ticket shows its serial number and its code, to its owner alone', async ({ page, context, visit, organiser, signUp, expectComplaint }) => {
  expectComplaint(refused(404));
  const concert = await organiser.createConcert();
  const owner = await signUp();
  const ticket = await ticketFor(owner, concert);
  await owner.lendSession(context);
  await visit('/tickets');
  await page.getByRole('link', { name: concert.title }).click();
  await expect(page).toHaveURL(`/tickets/${ticket.id}`);
  await expect(page.getByTestId('serial')).toHaveText('1');
  await expect(page.getByTestId('code')).toHaveText(ticket.code);

  const somebody = await signUp();
  await somebody.lendSession(context);
  const response = await page.goto(`/tickets/${ticket.id}`);
  expect(response?.status()).toBe(404);
  await expect(page.getByRole('heading', { level: 1, name: words.notFound })).toBeVisible();
  await expect(page.getByText(ticket.code)).toHaveCount(0);
  const answer = await somebody.http.get(`/api/get_ticket?id=${ticket.id}`);
  expect(answer.status()).toBe(404);
  expect(await answer.json()).toEqual({ code: 'not_found' });
  const cancelled = await somebody.send('/api/cancel_ticket', { id: String(ticket.id) });
  expect(cancelled.status()).toBe(404);
});

test('a ticket can be given back', async ({ page, context, visit, organiser, signUp }) => {
  const concert = await organiser.createConcert();
  const owner = await signUp();
  const ticket = await ticketFor(owner, concert);
  await owner.lendSession(context);
  await visit(`/tickets/${ticket.id}`);
  await page.getByText('Cancel this ticket', { exact: true }).click();
  await page.getByRole('button', { name: 'Yes, cancel my ticket' }).click();
  await expect(page.getByTestId('ticket')).toContainText('Cancelled');
  await expect(page.getByTestId('code')).toHaveCount(0);
  await expect(page.getByTestId('qr')).toHaveCount(0);
  await expect(page.getByText('Cancel this ticket', { exact: true })).toHaveCount(0);
});

test('a place that is kept is found again, and what is no good any more is apart', async ({ page, context, visit, organiser, signUp }) => {
  const [waiting, given] = [await standStill(organiser), await organiser.createConcert()];
  const me = await signUp();
  await me.join(waiting);
  const ticket = await ticketFor(me, given);
  await me.lendSession(context);
  await visit('/tickets');
  const [places, past] = [page.getByTestId('places'), page.getByRole('region', { name: 'Past and cancelled' })];
  await expect(places.getByRole('heading', { level: 3 })).toHaveText([waiting.title]);
  await expect(page.getByRole('link', { name: given.title })).toBeVisible();
  await expect(past).toHaveCount(0);
  await me.cancel(ticket);
  await visit('/tickets');
  await expect(past.getByRole('link', { name: given.title })).toBeVisible();
  await page.getByRole('link', { name: `See my place ${waiting.title}` }).click();
  await expect(page).toHaveURL(`/concerts/${waiting.id}/queue`);
  await expect(pages.rank(page)).toHaveText('1');
  await me.leave(waiting);
  await visit('/tickets');
  await expect(places).toHaveCount(0);
});

test('a ticket asks who is there', async ({ page, organiser, signUp }) => {
  const ticket = await ticketFor(await signUp(), await organiser.createConcert());
  await page.goto(`/tickets/${ticket.id}`);
  await expect(page).toHaveURL(`/log-in?next=/tickets/${ticket.id}`);
});

for (const colorScheme of ['light', 'dark'] as const) {
  test(`the code is read off the screen and verified, ${colorScheme}`, async ({ page, context, visit, organiser, signUp }) => {
    const concert = await organiser.createConcert();
    const owner = await signUp();
    const ticket = await ticketFor(owner, concert);
    await owner.lendSession(context);
    await page.emulateMedia({ colorScheme });
    await visit(`/tickets/${ticket.id}`);
    const code = page.getByRole('img', { name: 'QR code of ticket number 1' });
    const text = await scan(code);
    expect(text).toMatch(new RegExp(`^FR1:[0-9A-F]{8}:${ticket.id}:${concert.id}:1:[0-9]+:[0-9A-F]{128}$`));
    expect(await isGenuine(owner, text!)).toBe(true);
    const at = text!.indexOf(`:${concert.id}:1:`);
    const changed = text!.slice(0, at) + text!.slice(at).replace(`:${concert.id}:1:`, `:${concert.id}:2:`);
    expect(await isGenuine(owner, changed)).toBe(false);

    const door = async (shown: string) => (await organiser.http.get('/api/check_ticket', { params: { code: shown } })).json();
    expect(await door(text!)).toEqual({ verdict: 'valid', concert_id: concert.id, title: concert.title, serial: 1 });
    expect(await door(changed)).toEqual({ verdict: 'not_ours' });
  });
}

test('a ticket can be kept as a PDF and in a calendar', async ({ page, context, visit, organiser, signUp }) => {
  const concert = await organiser.createConcert();
  const owner = await signUp();
  const ticket = await ticketFor(owner, concert);
  await owner.lendSession(context);
  await visit(`/tickets/${ticket.id}`);
  for (const [name, file] of [
    ['Save as PDF', `${concert.title}, ticket 1.pdf`],
    ['Add to calendar', `${concert.title}.ics`],
  ] as const) {
    const download = page.waitForEvent('download');
    await page.getByRole('link', { name }).click();
    expect((await download).suggestedFilename()).toBe(file);
    await expect(page).toHaveURL(`/tickets/${ticket.id}`);
  }
});

test('on paper there is the ticket alone, and its code can be read', async ({ page, context, visit, organiser, signUp }) => {
  const owner = await signUp();
  const ticket = await ticketFor(owner, await organiser.createConcert());
  await owner.lendSession(context);
  await page.emulateMedia({ media: 'print', colorScheme: 'dark' });
  await visit(`/tickets/${ticket.id}`);
  await expect(page.getByTestId('ticket')).toBeVisible();
  await expect(page.getByTestId('ticket')).toHaveCSS('color', 'rgb(0, 0, 0)');
  await expect(page.getByTestId('ticket')).toHaveCSS('background-color', 'rgb(255, 255, 255)');
  await expect(pages.header(page)).toBeHidden();
  await expect(page.getByRole('link', { name: 'Save as PDF' })).toBeHidden();
  await expect(page.getByText('Cancel this ticket', { exact: true })).toBeHidden();
  expect(await scan(page.getByTestId('qr'))).toContain(`:${ticket.id}:`);
});
