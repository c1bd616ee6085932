import { expect, refused, test } from '../support/test';
import type { Concert, Person, Ticket } from '../support/people';
import { english as words } from '../support/words';
import * as pages from '../support/pages';

async function ticketFor(person: Person, concert: Concert): Promise<Ticket> {
  await person.join(concert);
  await expect.poll(async () => (await person.place(concert)).standing).toBe('issued');
  const [ticket] = await person.tickets();
  return ticket!;
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
  await expect(page.getByText('Cancel this ticket', { exact: true })).toHaveCount(0);
});

test('a ticket asks who is there', async ({ page, organiser, signUp }) => {
  const ticket = await ticketFor(await signUp(), await organiser.createConcert());
  await page.goto(`/tickets/${ticket.id}`);
  await expect(page).toHaveURL(`/log-in?next=/tickets/${ticket.id}`);
});
