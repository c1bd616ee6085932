import { expect, refused, test } from '../support/test';
import { concertForm, kst, standStill, unique } from '../support/people';
import { english as words } from '../support/words';
import * as pages from '../support/pages';

test('concerts are found by a part of their title and by genre', async ({ page, visit, organiser }) => {
  const word = unique();
  await organiser.createConcert({ title: `Harbour ${word} lights`, genre: 'jazz' });
  await organiser.createConcert({ title: `Mountain ${word} bells`, genre: 'traditional' });
  const titles = page.locator('main li h2');
  const find = page.getByRole('main').getByRole('button', { name: words.find });

  await visit('/');
  await page.getByLabel(words.search).fill(word.toUpperCase());
  await find.click();
  await expect(titles).toHaveCount(2);
  await expect(page.getByText('2 concerts')).toBeVisible();
  await page.getByLabel('Genre').selectOption('jazz');
  await find.click();
  await expect(titles).toHaveText([`Harbour ${word} lights`]);
  // The URL contains the whole query.
  await page.reload();
  await expect(titles).toHaveText([`Harbour ${word} lights`]);
  await expect(page.getByLabel(words.search)).toHaveValue(word.toUpperCase());
  await expect(page.getByLabel('Genre')).toHaveValue('jazz');
  await page.goBack();
  await expect(titles).toHaveCount(2);

  await page.getByLabel(words.search).fill(`${word}%`);
  await find.click();
  await expect(page.getByRole('heading', { name: 'No concert fits that.' })).toBeVisible();
});

test('many concerts come in pages', async ({ page, visit, organiser }) => {
  const word = unique();
  await Promise.all(Array.from({ length: 13 }, (_, n) => organiser.createConcert({ title: `${word} no. ${n}` })));
  const titles = page.locator('main li h2');
  await visit(`/?search=${word}`);
  await expect(titles).toHaveCount(12);
  const onTheFirst = await titles.allInnerTexts();
  await page.getByRole('link', { name: 'Next' }).click();
  await expect(page.getByText('Page 2 of 2')).toBeVisible();
  await expect(titles).toHaveCount(1);
  expect(onTheFirst).not.toContain(await titles.innerText());
  await page.getByRole('link', { name: 'Previous' }).click();
  await expect(titles).toHaveText(onTheFirst);
  // Each page is an entry in the browser's history.
  await page.goBack();
  await expect(page.getByText('Page 2 of 2')).toBeVisible();
  await page.goBack();
  await expect(titles).toHaveText(onTheFirst);
});

test('a concert has a page with everything about it', async ({ page, visit, organiser }) => {
  const title = `Night & <Boat> ${unique()}`;
  const concert = await organiser.createConcert({
    title,
    starts_at: '2031-11-21T19:00',
    ends_at: '2031-11-21T21:30',
    running_minutes: '150',
    price_won: '88000',
    capacity: '1234',
  });
  await visit(`/concerts/${concert.id}`);
  await expect(page).toHaveTitle(`${title} · Frontrow`);
  await expect(page.getByRole('heading', { level: 1 })).toHaveText(title);
  const facts = ['Low Tide', 'Nodeul Live House', 'Indie', 'Fri 21 Nov 2031, 19:00', '21:30', '150 minutes', '₩88,000', '1,234'];
  for (const fact of [...facts, 'Songs for the last ferry.', 'Doors open at six.']) {
    await expect(page.getByRole('main')).toContainText(fact);
  }
  await expect(page.getByRole('link', { name: 'Log in to join' })).toBeVisible();
});

test('an organiser finds what they have made: drafts, what is on sale, what is over', async ({ page, context, visit, organiser }) => {
  const word = unique();
  const [draft, later, selling, over] = [
    await organiser.createConcert({ draft: 'true', title: `${word} draft` }),
    await organiser.createConcert({ title: `${word} later`, sale_opens_at: kst(86_400) }),
    await standStill(organiser, { title: `${word} selling` }),
    await organiser.createConcert({ title: `${word} over` }),
  ];
  await organiser.send('/api/steer_sale', { id: String(over.id), action: 'close' });
  await organiser.lendSession(context);
  await visit('/concerts/mine');
  const rows = page.getByTestId('my-concert').filter({ hasText: word });
  await expect(rows.getByRole('heading')).toHaveText([draft, selling, later, over].map(({ title }) => title));
  await expect(rows).toContainText(['Draft', 'On sale now', 'Not on sale yet', 'Sale over']);
  await expect(rows.nth(0).getByRole('link', { name: /^Live desk/ })).toHaveCount(0);
  await rows.nth(1).getByRole('link', { name: `Live desk ${word} selling` }).click();
  await expect(page).toHaveURL(`/concerts/${selling.id}/desk`);
});

test('an organiser makes a concert and changes it', async ({ page, context, visit, organiser }) => {
  await organiser.lendSession(context);
  const form = concertForm();
  await visit('/');
  await pages.header(page).getByRole('link', { name: words.myConcerts }).click();
  await page.getByRole('link', { name: words.newConcert }).click();
  await expect(page.getByRole('heading', { level: 1, name: words.newConcert })).toBeVisible();
  await pages.fill(page, { ...form, batch_size: '', interval_ms: '' });
  await pages.submit(page);
  await expect(page).toHaveURL(pages.concertAddress());
  await expect(page.getByRole('heading', { level: 1 })).toHaveText(form.title);

  await page.getByRole('link', { name: 'Edit', exact: true }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Edit the concert' })).toBeVisible();
  for (const [name, value] of Object.entries({ ...form, batch_size: '10', interval_ms: '1000' })) {
    await expect(pages.field(page, name)).toHaveValue(value);
  }
  const title = `Day Boat ${unique()}`;
  await pages.fill(page, { title, capacity: '500' });
  await pages.submit(page);
  await expect(page).toHaveURL(pages.concertAddress());
  await expect(page.getByRole('heading', { level: 1 })).toHaveText(title);
  await expect(page.getByTestId('tickets-left')).toHaveText('500');
});

test('every mistake in a concert is said beside its field, and the rest stays', async ({ page, context, visit, organiser, expectComplaint }) => {
  expectComplaint(refused(422));
  await organiser.lendSession(context);
  const form = concertForm({ price_won: '-1', capacity: '0' });
  form.ends_at = form.sale_opens_at;
  await visit('/concerts/new');
  await pages.fill(page, form);
  await pages.submit(page);
  await expect(pages.problem(page, 'ends_at')).toHaveText('The end must be after the start.');
  await expect(pages.problem(page, 'price_won')).toHaveText('Must be from 0 to 100,000,000.');
  await expect(pages.problem(page, 'capacity')).toHaveText('Must be from 1 to 1,000,000.');
  await expect(pages.summary(page).getByRole('link')).toHaveCount(3);
  for (const [name, value] of Object.entries(form)) await expect(pages.field(page, name)).toHaveValue(value);

  await pages.fill(page, { ends_at: form.starts_at.replace(/T.*/, 'T23:59:59'), price_won: '0', capacity: '10' });
  await pages.submit(page);
  await expect(page.getByRole('heading', { level: 1 })).toHaveText(form.title);
});

test('a malformed date is said beside its field', async ({ page, context, visit, organiser, expectComplaint }) => {
  expectComplaint(refused(422));
  // Without JavaScript the typed value is sent back, and the input cannot show it.
  expectComplaint(/The specified value "31\.12\.2031 at seven" does not conform/);
  await organiser.lendSession(context);
  const form = concertForm();
  await visit('/concerts/new');
  // As in a browser without this type of input.
  await pages.field(page, 'starts_at').evaluate((input) => input.setAttribute('type', 'text'));
  await pages.fill(page, { ...form, starts_at: '31.12.2031 at seven' });
  await pages.submit(page);
  await expect(pages.problem(page, 'starts_at')).toHaveText('This does not look right. Please check it.');
  await expect(pages.summary(page).getByRole('link')).toHaveCount(1);
  for (const [name, value] of Object.entries(form)) {
    if (name !== 'starts_at') await expect(pages.field(page, name)).toHaveValue(value);
  }
});

test('a capacity below what is issued is refused', async ({ page, context, visit, organiser, crowd, expectComplaint }) => {
  expectComplaint(refused(409));
  const concert = await organiser.createConcert({ capacity: '2', interval_ms: '100' });
  for (const person of await crowd(2)) {
    await person.join(concert);
    await expect.poll(async () => (await person.place(concert)).standing).toBe('issued');
  }
  await organiser.lendSession(context);
  await visit(`/concerts/${concert.id}/edit`);
  await pages.fill(page, { capacity: '1' });
  await pages.submit(page);
  await expect(pages.problem(page, 'capacity')).toHaveText('More tickets than this have already been issued.');
  await expect(pages.field(page, 'capacity')).toHaveValue('1');
});

test('whoever is no organiser makes and changes no concerts', async ({ page, context, organiser, signUp, expectComplaint }) => {
  expectComplaint(refused(403));
  const concert = await organiser.createConcert();
  await page.goto('/concerts/new');
  await expect(page).toHaveURL('/log-in?next=/concerts/new');

  const person = await signUp();
  await person.lendSession(context);
  for (const path of ['/concerts/new', `/concerts/${concert.id}/edit`]) {
    const response = await page.goto(path);
    expect(response?.status()).toBe(403);
    await expect(page.getByRole('heading', { level: 1, name: 'Not with this account' })).toBeVisible();
  }
  await page.goto(`/concerts/${concert.id}`);
  await expect(page.getByRole('link', { name: 'Edit', exact: true })).toHaveCount(0);
  await expect(pages.header(page).getByRole('link', { name: words.myConcerts })).toHaveCount(0);

  for (const [path, form] of [
    ['/api/create_concert', { ...concertForm() }],
    ['/api/update_concert', { id: String(concert.id), ...concertForm() }],
  ] as const) {
    const response = await person.send(path, form);
    expect(response.status()).toBe(403);
    expect(await response.json()).toEqual({ code: 'forbidden' });
  }
});

test('times are Korean times wherever the browser is', { tag: '@http' }, async ({ organiser, request }) => {
  const concert = await organiser.createConcert({ sale_opens_at: kst(-3600).slice(0, 16) });
  const view = await (await request.get(`/api/get_concert?id=${concert.id}`)).json();
  const opened = Date.now() - Date.parse(view.concert.sale_opens_at);
  expect(opened / 60_000).toBeGreaterThan(59);
  expect(opened / 60_000).toBeLessThan(63);
});
