import type { Page } from '@playwright/test';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { expect, refused, test } from '../support/test';
import { kst, newcomer, Person, type Concert } from '../support/people';
import * as pages from '../support/pages';

const folder = path.resolve(process.env.SCREENSHOTS ?? path.join(__dirname, '../../docs/pictures'));
const day = 86_400;

/** The programme: enough concerts for a realistic page. */
const programme = [
  { title: 'Night Boat to Nodeul', artist: 'Low Tide', genre: 'indie', venue: 'Nodeul Live House', price_won: '66000', capacity: '1200', sale_opens_at: kst(-300) },
  { title: '한강의 밤', artist: '새벽정류장', genre: 'pop', venue: '올림픽홀', price_won: '121000', capacity: '2400', sale_opens_at: kst(-900) },
  { title: 'Concrete Choir', artist: 'Basement Parliament', genre: 'rock', venue: 'Rolling Hall', price_won: '55000', capacity: '450', sale_opens_at: kst(5400) },
  { title: '달 아래 산조', artist: '김서린', genre: 'traditional', venue: '국립국악원 우면당', price_won: '30000', capacity: '230', sale_opens_at: kst(2 * day) },
  { title: 'Blue Hour Quartet', artist: 'Han Jiwoo', genre: 'jazz', venue: 'Club Evans', price_won: '44000', capacity: '1', sale_opens_at: kst(-day) },
  { title: 'Voltage Garden', artist: 'NEON YARD', genre: 'electronic', venue: 'Faust', price_won: '38000', capacity: '600', sale_opens_at: kst(9 * day) },
  { title: 'Winterreise', artist: 'Park Hyesang · Ilya Maximov', genre: 'classical', venue: 'Seoul Arts Center', price_won: '88000', capacity: '800', sale_opens_at: kst(20 * day) },
  { title: '골목길 사이퍼', artist: 'Crew 02', genre: 'hip_hop', venue: '무신사 개러지', price_won: '49500', capacity: '500', sale_opens_at: kst(4 * day) },
];

/** Returns the programme, which is created once for all looks. */
async function concerts(organiser: Person): Promise<Map<string, Concert>> {
  const found = await (await organiser.http.get('/api/list_concerts?search=')).json();
  let list = found.concerts as Concert[];
  if (list.length === 0) {
    list = await Promise.all(
      programme.map((concert, n) =>
        organiser.createConcert({
          starts_at: `${kst((40 + 9 * n) * day).slice(0, 10)}T19:30`,
          ends_at: `${kst((40 + 9 * n) * day).slice(0, 10)}T21:30`,
          batch_size: '8',
          ...concert,
        }),
      ),
    );
    const fan = await Person.signUp();
    const soldOut = list.find((concert) => concert.title === 'Blue Hour Quartet')!;
    await fan.join(soldOut);
    await expect.poll(async () => (await fan.place(soldOut)).standing).toBe('issued');
    await fan.dispose();
  }
  return new Map(list.map((concert) => [concert.title, concert]));
}

let on: Map<string, Concert>;

// Not in a test, where sales end with the test: these continue from one look to the next.
test.beforeAll(async ({ organiser }) => {
  on = await concerts(organiser);
});

test('pictures', async ({ page, context, visit, words, organiser, admin, signUp, crowd, expectComplaint }, info) => {
  test.setTimeout(300_000);
  expectComplaint(refused(401));
  expectComplaint(refused(404));
  mkdirSync(folder, { recursive: true });
  const shoot = async (name: string, of: Page = page) => {
    await of.evaluate(() => document.fonts.ready);
    await of.screenshot({ path: path.join(folder, `${name}-${info.project.name}.png`), fullPage: true, animations: 'disabled' });
  };
  const selling = on.get('Night Boat to Nodeul')!;

  await visit('/');
  await shoot('home');
  await visit('/?search=ㅎㄱ&sale=selling&sort=price_low');
  await shoot('search');
  await visit('/?search=nothing-is-called-this');
  await shoot('search-empty');
  await visit(`/concerts/${on.get('Blue Hour Quartet')!.id}`);
  await shoot('concert-sold-out');
  await visit(`/concerts/${on.get('Concrete Choir')!.id}`);
  await shoot('concert-countdown');
  await visit('/sign-up');
  await shoot('sign-up');
  await visit('/log-in');
  await pages.logIn(page, words, 'mina', 'not the password');
  await expect(pages.summary(page)).toBeVisible();
  await shoot('log-in-refused');
  await visit('/nowhere');
  await shoot('not-found');

  await organiser.lendSession(context);
  await visit('/');
  await shoot('home-organiser');
  await visit('/concerts/new');
  await shoot('concert-form');
  const mine = (await (await organiser.http.get('/api/list_my_concerts')).json()) as { concerts: (Concert & { draft: boolean })[] };
  const draft = mine.concerts.find(({ draft }) => draft) ?? (await organiser.createConcert({ draft: 'true', title: '첫차를 기다리며', artist: '새벽정류장', genre: 'indie' }));
  await visit('/concerts/mine');
  await shoot('concerts-mine');
  await visit(`/concerts/${draft.id}`);
  await shoot('draft');
  await visit(`/concerts/${draft.id}/edit`);
  await shoot('concert-edit');

  const me = await signUp({ ...newcomer('mina'), nickname: words.lang === 'ko' ? '미나' : 'Mina' });
  await me.lendSession(context);
  await visit('/tickets');
  await shoot('tickets-none');
  await visit(`/concerts/${on.get('Concrete Choir')!.id}/queue`);
  await shoot('queue-countdown');
  const late = on.get('Blue Hour Quartet')!;
  await me.join(late);
  await visit(`/concerts/${late.id}/queue`);
  await shoot('queue-waiting-list');
  await me.leave(late);
  await visit(`/concerts/${late.id}/queue`);
  await shoot('queue-left');
  await visit(`/concerts/${selling.id}`);
  await shoot('concert');

  // 48 people ahead at 8 tickets a second: about 25 after three batches.
  const others = await crowd(48);
  await Promise.all(others.map((person) => person.join(selling)));
  await page.getByRole('button', { name: words.join }).click();
  await expect.poll(async () => Number(await pages.rank(page).textContent()), { intervals: [50] }).toBeLessThanOrEqual(26);
  await shoot('queue-waiting');
  await pages.expectStanding(page, 'issued');
  const see = page.getByRole('link', { name: words.seeTicket });
  await expect(see).toBeVisible();
  await shoot('queue-issued');
  await see.click();
  await expect(page.getByTestId('code')).toBeVisible();
  await shoot('ticket');
  await me.join(late);
  await visit('/tickets');
  await shoot('tickets');

  const phone = await Person.logIn(me.accountName);
  await visit('/account');
  await shoot('account');
  await phone.dispose();
  for (const page of ['profile', 'password', 'delete']) {
    await visit(`/account/${page}`);
    await shoot(`account-${page}`);
  }
  await admin.lendSession(context);
  await visit(`/concerts/${selling.id}/desk`);
  // More people join than tickets are issued, in waves: a sale that a dashboard is made for.
  await admin.send('/api/set_pace', { id: String(selling.id), batch_size: '3', interval_ms: '1000' });
  const late_ones = await crowd(110);
  for (const wave of [2, 9, 14, 11, 6, 8, 4, 9, 12, 5, 3, 7, 4, 6, 3, 2, 3, 2]) {
    await Promise.all(late_ones.splice(0, wave).map((person) => person.join(selling)));
    await page.waitForTimeout(2000);
  }
  await shoot('desk');
  await admin.send('/api/set_pace', { id: String(selling.id), batch_size: '8', interval_ms: '1000' });
  await visit('/admin');
  await shoot('admin');
  const { accounts } = await (await admin.http.get(`/api/list_accounts?search=${me.accountName}`)).json();
  await visit(`/admin/accounts/${accounts[0].id}`);
  await shoot('admin-account');
});

