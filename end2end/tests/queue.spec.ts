import type { Locator, Page } from '@playwright/test';
import { expect, refused, test } from '../support/test';
import { kst, password, Person, STANDSTILL, standStill, standStillAs } from '../support/people';
import { openLine } from '../support/line';
import { english as words } from '../support/words';
import * as pages from '../support/pages';

test('two browsers of one account have one place', async ({ page, context, visit, anotherBrowser, organiser, crowd, signUp }) => {
  const others = await crowd(3);
  const concert = await standStill(organiser);
  for (const person of others) await person.join(concert);
  const me = await signUp();
  await me.lendSession(context);
  const other = await anotherBrowser();
  const again = await Person.logIn(me.accountName);
  await again.lendSession(other.context());
  await again.dispose();

  await visit(`/concerts/${concert.id}`);
  await page.getByRole('button', { name: words.join }).click();
  await expect(pages.rank(page)).toHaveText('4');
  const { arrival } = await me.place(concert);

  await visit(`/concerts/${concert.id}`, other);
  await other.getByRole('button', { name: words.join }).click();
  await expect(other).toHaveURL(`/concerts/${concert.id}/queue`);
  await expect(pages.rank(other)).toHaveText('4');
  await expect(other.getByTestId('ahead')).toHaveText('3 people ahead of you');
  expect(await me.place(concert)).toMatchObject({ standing: 'waiting', rank: 4, arrival, waiting: 4 });
});

test('whoever leaves makes room: the rank behind falls by itself', async ({ page, context, visit, organiser, crowd, signUp, javaScriptEnabled }) => {
  const [ahead, leaver] = await crowd(2);
  const concert = await standStill(organiser);
  for (const person of [ahead!, leaver!]) await person.join(concert);
  const me = await signUp();
  await me.lendSession(context);
  await visit(`/concerts/${concert.id}`);
  await page.getByRole('button', { name: words.join }).click();
  await expect(pages.rank(page)).toHaveText('3');
  await expect(page).toHaveTitle(`3 · ${concert.title} · Frontrow`);
  if (javaScriptEnabled !== false) await pages.markDocument(page);
  await leaver!.leave(concert);
  await expect(pages.rank(page)).toHaveText('2');
  await expect(page.getByTestId('ahead')).toHaveText('1 person ahead of you');
  await expect(page).toHaveTitle(`2 · ${concert.title} · Frontrow`);
  if (javaScriptEnabled !== false) await pages.expectSameDocument(page);
});

test('while tickets are fewer than people there is a chance, and else a wait', async ({ page, context, visit, organiser, crowd, signUp }) => {
  const [ahead, leaver] = await crowd(2);
  // One ticket went to the first account; two are left.
  const concert = await standStill(organiser, { capacity: '3' });
  for (const person of [ahead!, leaver!]) await person.join(concert);
  const me = await signUp();
  await me.join(concert);
  await me.lendSession(context);
  await visit(`/concerts/${concert.id}/queue`);
  await expect(pages.rank(page)).toHaveText('3');
  await expect(page.getByTestId('outlook')).toHaveAttribute('data-outlook', 'out_of_reach');
  await expect(page.getByTestId('chance')).toHaveText(/^About an? \d0% chance that a ticket is left/);
  await leaver!.leave(concert);
  await expect(pages.rank(page)).toHaveText('2');
  await expect(page.getByTestId('chance')).toBeHidden();
  await expect(page.getByTestId('wait')).toHaveText(/^(about|up to) .*(minute|hour)s$/);
});

test('leaving takes a second thought, and whoever comes back stands at the end', async ({ page, context, visit, organiser, crowd, signUp, javaScriptEnabled }) => {
  const [behind] = await crowd(1);
  const concert = await standStill(organiser);
  const me = await signUp();
  await me.join(concert);
  await behind!.join(concert);
  await me.lendSession(context);
  await visit(`/concerts/${concert.id}/queue`);
  await expect(pages.rank(page)).toHaveText('1');
  // A refresh closes the confirmation again, before a slow user can press it.
  if (javaScriptEnabled === false) {
    await page.getByRole('link', { name: 'Stop refreshing this page' }).click();
    await expect(page.getByRole('link', { name: 'Refresh it by itself again' })).toBeVisible();
    expect(await page.content()).not.toContain('http-equiv="refresh"');
    await expect(page.getByText('This page refreshes itself')).toHaveCount(0);
  }
  await page.getByText('Leave the queue', { exact: true }).click();
  await page.getByRole('button', { name: 'Yes, give up my place' }).click();
  await pages.expectStanding(page, 'left');
  await expect(page.getByRole('heading', { level: 1, name: 'You left the queue' })).toBeVisible();
  await expect.poll(async () => (await behind!.place(concert)).rank).toBe(1);
  await page.getByRole('button', { name: words.join }).click();
  await expect(pages.rank(page)).toHaveText('2');
  await behind!.leave(concert);
  await expect(pages.rank(page)).toHaveText('1');
});

test('whoever is not logged in logs in on the way to the queue', async ({ page, visit, organiser, signUp }) => {
  const concert = await standStill(organiser);
  const me = await signUp();
  await visit(`/concerts/${concert.id}`);
  await page.getByRole('link', { name: 'Log in to join' }).click();
  await pages.logIn(page, words, me.accountName, password);
  await expect(page).toHaveURL(`/concerts/${concert.id}`);
  await page.getByRole('button', { name: words.join }).click();
  await expect(pages.rank(page)).toHaveText('1');
});

test('a session that ends before the click leads to the log-in and back', async ({ page, context, visit, organiser, signUp, expectComplaint }) => {
  expectComplaint(refused(401));
  const concert = await standStill(organiser);
  const me = await signUp();
  await me.lendSession(context);
  await visit(`/concerts/${concert.id}`);
  await context.clearCookies();
  await page.getByRole('button', { name: words.join }).click();
  await pages.logIn(page, words, me.accountName, password);
  await expect(page).toHaveURL(`/concerts/${concert.id}`);
  await page.getByRole('button', { name: words.join }).click();
  await expect(pages.rank(page)).toHaveText('1');
});

test('the queue of somebody who has not joined says so, and is followed once they have', async ({ page, context, visit, organiser, signUp, crowd, javaScriptEnabled }) => {
  const concert = await standStill(organiser);
  const [ahead, leaver] = await crowd(2);
  for (const person of [ahead!, leaver!]) await person.join(concert);
  await page.goto(`/concerts/${concert.id}/queue`);
  await expect(page).toHaveURL(`/log-in?next=/concerts/${concert.id}/queue`);
  await (await signUp()).lendSession(context);
  await visit(`/concerts/${concert.id}/queue`);
  await pages.expectStanding(page, 'absent');
  await page.getByRole('button', { name: words.join }).click();
  await expect(pages.rank(page)).toHaveText('3');
  if (javaScriptEnabled !== false) {
    await pages.markDocument(page);
    await expect(page.getByTestId('announce')).toHaveText(/^You are number 3\. 2 people ahead of you\./);
    await expect(page.getByTestId('link')).toHaveAttribute('data-link', 'live');
  }
  await leaver!.leave(concert);
  await expect(pages.rank(page)).toHaveText('2');
  await ahead!.leave(concert);
  await expect(pages.rank(page)).toHaveText('1');
  if (javaScriptEnabled !== false) await pages.expectSameDocument(page);
});

test('when the sale ends, whoever waits is told, and nobody joins any more', async ({ page, context, visit, anotherBrowser, organiser, signUp, expectComplaint }) => {
  expectComplaint(refused(409));
  const concert = await standStill(organiser);
  const [me, late] = [await signUp(), await signUp()];
  await me.join(concert);
  await me.lendSession(context);
  await visit(`/concerts/${concert.id}/queue`);
  await expect(pages.rank(page)).toHaveText('1');
  const other = await anotherBrowser();
  await late.lendSession(other.context());
  await visit(`/concerts/${concert.id}`, other);
  await expect(other.getByRole('button', { name: words.join })).toBeEnabled();

  // A sale ends when the concert begins.
  await organiser.updateConcert(concert, { interval_ms: STANDSTILL, starts_at: kst(8), ends_at: kst(3600), running_minutes: '50' });
  await expect.poll(async () => (await me.place(concert)).standing).toBe('expired');
  await other.getByRole('button', { name: words.join }).click();
  await expect(pages.summary(other)).toHaveText('This sale has ended.');
  await visit(`/concerts/${concert.id}`, other);
  await expect(other.getByText('Sale over')).toBeVisible();
  await expect(other.getByRole('button', { name: words.join })).toHaveCount(0);

  await pages.expectStanding(page, 'expired');
  await expect(page.getByRole('heading', { level: 1, name: 'The sale ended before your turn' })).toBeVisible();
});

test('a sold-out queue is the waiting list, and a ticket that comes back goes to its head', async ({ page, context, visit, organiser, crowd, signUp }) => {
  const concert = await organiser.createConcert({ capacity: '1', interval_ms: '200' });
  const [holder] = await crowd(1);
  await holder!.join(concert);
  await expect.poll(async () => (await holder!.place(concert)).standing).toBe('issued');
  const me = await signUp();
  await me.lendSession(context);
  await visit(`/concerts/${concert.id}`);
  await expect(page.getByText('Sold out', { exact: true })).toBeVisible();
  await page.getByRole('button', { name: words.joinWaitingList }).click();
  await expect(page.getByTestId('outlook')).toHaveAttribute('data-outlook', 'waiting_list');
  await expect(page.getByText('You are on the waiting list', { exact: false })).toBeVisible();
  const [ticket] = await holder!.tickets();
  await holder!.cancel(ticket!);
  await pages.expectStanding(page, 'issued');
  await page.getByRole('link', { name: words.seeTicket }).click();
  await expect(page.getByTestId('serial')).toHaveText('2');
});

test('whoever holds a ticket needs no place', async ({ page, context, visit, organiser, signUp, expectComplaint }) => {
  expectComplaint(refused(409));
  const concert = await organiser.createConcert();
  const me = await signUp();
  await me.join(concert);
  await expect.poll(async () => (await me.place(concert)).standing).toBe('issued');
  await me.lendSession(context);
  await visit(`/concerts/${concert.id}`);
  await page.getByRole('button', { name: words.join }).click();
  await expect(pages.summary(page)).toHaveText('You already hold a ticket for this concert.');
});

test('a line that drops is taken up again, and the rank is right', { tag: '@script' }, async ({ page, context, visit, organiser, crowd, signUp, baseURL, expectComplaint }) => {
  expectComplaint(/net::ERR_/);
  const [ahead, leaver] = await crowd(2);
  const concert = await standStill(organiser);
  for (const person of [ahead!, leaver!]) await person.join(concert);
  const me = await signUp();
  await me.join(concert);
  await me.lendSession(context);
  const line = await openLine(baseURL!);
  try {
    await visit(`${line.url}/concerts/${concert.id}/queue`);
    await pages.markDocument(page);
    const link = page.getByTestId('link');
    await expect(link).toHaveAttribute('data-link', 'live');
    await expect(pages.rank(page)).toHaveText('3');
    // The page may already be polling by the time of a later check.
    const reconnecting = page.waitForSelector('[data-link="reconnecting"]');

    line.cut();
    await reconnecting;
    await leaver!.leave(concert);
    await expect.poll(async () => (await me.place(concert)).rank).toBe(2);
    await expect(pages.rank(page)).toHaveText('3');
    line.mend();
    await expect(pages.rank(page)).toHaveText('2');
    // After several failures the page polls for a while before it tries the stream again.
    await expect(link).toHaveAttribute('data-link', 'live', { timeout: 60_000 });
    await ahead!.leave(concert);
    await expect(pages.rank(page)).toHaveText('1');
    await pages.expectSameDocument(page);
  } finally {
    await line.close();
  }
});

test('where the stream cannot be had, the place is asked for', { tag: '@script' }, async ({ page, context, visit, organiser, crowd, signUp, expectComplaint }) => {
  expectComplaint(refused(502));
  const [leaver] = await crowd(1);
  const concert = await standStill(organiser);
  await leaver!.join(concert);
  const me = await signUp();
  await me.join(concert);
  await me.lendSession(context);
  await page.route('**/api/queue_stream*', (route) => route.fulfill({ status: 502 }));
  await visit(`/concerts/${concert.id}/queue`);
  await expect(pages.rank(page)).toHaveText('2');
  await expect(page.getByTestId('link')).toHaveAttribute('data-link', 'polling');
  await leaver!.leave(concert);
  await expect(pages.rank(page)).toHaveText('1');
});

/** Over HTTP/1.1 a browser has six connections to a site. */
test('seven tabs share one stream, and the site still answers', { tag: '@script' }, async ({ page, context, visit, organiser, crowd, signUp }) => {
  const [leaver] = await crowd(1);
  const concert = await standStill(organiser);
  await leaver!.join(concert);
  const me = await signUp();
  await me.join(concert);
  await me.lendSession(context);
  const tabs = [page];
  while (tabs.length < 7) tabs.push(await context.newPage());
  for (const tab of tabs) await visit(`/concerts/${concert.id}/queue`, tab);
  const links = () => Promise.all(tabs.map((tab) => tab.getByTestId('link').getAttribute('data-link')));
  await expect.poll(async () => (await links()).sort()).toEqual(['live', ...Array(6).fill('polling')]);
  await leaver!.leave(concert);
  for (const tab of tabs) await expect(pages.rank(tab)).toHaveText('1');
  await visit('/', tabs[6]!);
  await expect(tabs[6]!.getByRole('heading', { level: 1 })).toBeVisible();
});

/**
 * Acts as a browser's translator before any other script runs: wraps each text in a node of its
 * own.
 */
function translate(evenWhatMoves: boolean): void {
  document.addEventListener('readystatechange', () => {
    if (document.readyState !== 'interactive') return;
    const left = evenWhatMoves ? 'script, style, noscript' : '[translate=no], script, style, noscript';
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const texts: Text[] = [];
    while (walker.nextNode()) texts.push(walker.currentNode as Text);
    for (const text of texts) {
      if (!text.data.trim() || text.parentElement?.closest(left)) continue;
      const font = document.createElement('font');
      text.replaceWith(font);
      font.append(text);
    }
  });
}

test('in a page that the browser translates the rank still moves', { tag: '@script' }, async ({ page, context, visit, organiser, crowd, signUp }) => {
  const [leaver] = await crowd(1);
  const concert = await standStill(organiser);
  await leaver!.join(concert);
  const me = await signUp();
  await me.join(concert);
  await me.lendSession(context);
  await page.addInitScript(translate, false);
  await visit(`/concerts/${concert.id}/queue`);
  await expect(page.locator('footer font').first()).toBeAttached();
  await expect(page.getByTestId('link')).toHaveAttribute('data-link', 'live');
  await leaver!.leave(concert);
  await expect(pages.rank(page)).toHaveText('1');
});

test('a page whose islands cannot wake comes again by itself', { tag: '@script' }, async ({ page, context, organiser, crowd, signUp, expectComplaint }) => {
  expectComplaint(/./);
  const [leaver] = await crowd(1);
  const concert = await standStill(organiser);
  await leaver!.join(concert);
  const me = await signUp();
  await me.join(concert);
  await me.lendSession(context);
  await page.addInitScript(translate, true);
  await page.goto(`/concerts/${concert.id}/queue`);
  await expect(pages.rank(page)).toHaveText('2');
  await leaver!.leave(concert);
  await expect(pages.rank(page)).toHaveText('1', { timeout: 30_000 });
});

test('one press takes a place, however often nobody answers', { tag: '@script' }, async ({ page, context, visit, organiser, signUp, expectComplaint }) => {
  expectComplaint(/Failed to load resource/);
  const concert = await standStill(organiser);
  const me = await signUp();
  await me.lendSession(context);
  let asked = 0;
  let answer = (): void => {};
  const seen = new Promise<void>((resolve) => (answer = resolve));
  await page.route('**/api/join_queue?*', async (route) => {
    asked += 1;
    if (asked === 1) await route.abort();
    else if (asked === 2) await route.fulfill({ status: 503, json: { code: 'unavailable' } });
    else if (asked === 3) await route.fulfill({ status: 429, headers: { 'retry-after': '1' }, json: { code: 'too_many_requests', retry_after_s: 1 } });
    else await seen.then(() => route.continue());
  });
  await visit(`/concerts/${concert.id}`);
  await page.getByRole('button', { name: words.join }).click();
  await expect(page.getByText('We keep asking for you')).toBeVisible();
  await expect(page.getByTestId('join')).toBeDisabled();
  answer();
  await expect(pages.rank(page)).toHaveText('1');
  expect(asked).toBe(4);
  expect((await me.place(concert)).standing).toBe('waiting');
});

test('a device without a network is told so, and goes on when there is one', { tag: '@script' }, async ({ page, context, visit, organiser, crowd, signUp, expectComplaint }) => {
  expectComplaint(/net::ERR_/);
  const [ahead, next] = await crowd(2);
  const concert = await standStill(organiser);
  const me = await signUp();
  for (const person of [ahead!, next!, me]) await person.join(concert);
  await me.lendSession(context);
  await visit(`/concerts/${concert.id}/queue`);
  const link = page.getByTestId('link');
  await expect(link).toHaveAttribute('data-link', 'live');
  await context.setOffline(true);
  await expect(link).toHaveAttribute('data-link', 'offline');
  await expect(link).toContainText('Your place is safe');
  // Chromium leaves open streams open, as if this event had been in transit: it is applied, and
  // does not mean that the network is back.
  await ahead!.leave(concert);
  await expect(pages.rank(page)).toHaveText('2');
  await expect(link).toHaveAttribute('data-link', 'offline');
  await context.setOffline(false);
  await expect(link).toHaveAttribute('data-link', 'live', { timeout: 60_000 });
  // The same a second time.
  await context.setOffline(true);
  await expect(link).toHaveAttribute('data-link', 'offline');
  await next!.leave(concert);
  await expect(pages.rank(page)).toHaveText('1');
  await expect(link).toHaveAttribute('data-link', 'offline');
});

const phone = { width: 375, height: 667 };

/** Expects an element within what is visible without scrolling. */
async function expectInSight(page: Page, what: Locator): Promise<void> {
  const box = (await what.boundingBox())!;
  expect.soft(box.y + box.height, page.url()).toBeLessThanOrEqual(phone.height);
}

test('the whole of a place fits on the screen of a phone, whatever has to be said', { tag: '@script' }, async ({ page, context, visit, organiser, crowd, signUp, expectComplaint }) => {
  expectComplaint(/net::ERR_/);
  await page.setViewportSize(phone);
  const others = await crowd(2);
  const me = await signUp();
  await me.lendSession(context);
  for (const outlook of ['coming', 'nearly', 'paused', 'out_of_reach', 'waiting_list'] as const) {
    const concert = await (outlook === 'coming' ? standStill(organiser, { batch_size: '1' }) : standStillAs(organiser, outlook));
    for (const person of [...others, me]) await person.join(concert);
    for (const language of ['ko', 'en']) {
      await visit(`/concerts/${concert.id}/queue?lang=${language}`);
      await expect(page.getByTestId('outlook')).toHaveAttribute('data-outlook', outlook);
      await expect(pages.rank(page)).toHaveText('3');
      await expect(page.getByTestId('bell')).toBeVisible();
      await expectInSight(page, page.locator('.waiting-ways'));
      await context.setOffline(true);
      await expect(page.getByTestId('link')).toHaveAttribute('data-link', 'offline');
      await expectInSight(page, page.locator('.waiting-ways'));
      await context.setOffline(false);
    }
  }
});

test('on a phone the countdown and the button are in sight before the sale opens', async ({ page, context, visit, organiser, signUp }) => {
  await page.setViewportSize(phone);
  const me = await signUp();
  await me.lendSession(context);
  const concert = await organiser.createConcert({ sale_opens_at: kst(90_061), title: `한강의 마지막 배를 타고 떠나는 밤, Night Ferry ${kst(0)}` });
  for (const language of ['ko', 'en']) {
    await visit(`/concerts/${concert.id}?lang=${language}`);
    await expect(page.getByTestId('countdown')).toBeVisible();
    await expectInSight(page, page.getByTestId('join'));
  }
});

test('on a phone what there is to do is in sight on the page of a queue that one is not in', async ({ page, context, visit, organiser, signUp }) => {
  await page.setViewportSize(phone);
  const me = await signUp();
  await me.lendSession(context);
  const title = `한강의 마지막 배를 타고 떠나는 밤, Night Ferry ${kst(0)}`;
  const [soon, left, issued] = [
    await organiser.createConcert({ sale_opens_at: kst(90_061), title }),
    await standStill(organiser, { title }),
    await organiser.createConcert({ title }),
  ];
  await me.join(left);
  await me.leave(left);
  await me.join(issued);
  await expect.poll(async () => (await me.place(issued)).standing).toBe('issued');
  for (const language of ['ko', 'en']) {
    for (const [concert, standing, what] of [[soon, 'absent', 'join'], [left, 'left', 'join'], [issued, 'issued', 'see-ticket']] as const) {
      await visit(`/concerts/${concert.id}/queue?lang=${language}`);
      await pages.expectStanding(page, standing);
      await expectInSight(page, page.getByTestId(what));
    }
  }
});

test('changes are said aloud, not more often than every fifteen seconds, and the last one is not lost', { tag: '@script' }, async ({ page, context, visit, organiser, crowd, signUp }) => {
  const concert = await standStill(organiser);
  const [ahead, ...leavers] = await crowd(3);
  for (const person of [ahead!, ...leavers]) await person.join(concert);
  const me = await signUp();
  await me.join(concert);
  await me.lendSession(context);
  await page.clock.install();
  await visit(`/concerts/${concert.id}/queue`);
  // What follows takes any amount of real time, and none on the page.
  await page.clock.pauseAt((await page.evaluate(() => Date.now())) + 5000);
  await expect(page.getByTestId('link')).toHaveAttribute('data-link', 'live');
  const announced = page.getByTestId('announce');
  for (const [n, leaver] of leavers.entries()) {
    await leaver.leave(concert);
    await expect(pages.rank(page)).toHaveText(String(3 - n));
    await expect(announced).toHaveText('');
  }
  // The rank no longer changes: it is announced nevertheless.
  await page.clock.fastForward(16_000);
  await expect(announced).toHaveText('You are number 2. 1 person ahead of you.');
  await ahead!.leave(concert);
  await expect(pages.rank(page)).toHaveText('1');
  await expect(announced).toHaveText('You are number 2. 1 person ahead of you.');
  await page.clock.fastForward(16_000);
  await expect(announced).toHaveText(/^You are number 1\./);
  // A ticket is announced at once, without waiting for the next announcement.
  await organiser.send('/api/set_pace', { id: String(concert.id), batch_size: '1', interval_ms: '1000' });
  await expect(page.getByRole('alert')).toHaveText(words.issuedAnnounced(concert.title));
});

test('a place says how fast tickets go out, draws the way so far and promises to be kept', async ({ page, context, visit, organiser, crowd, signUp }) => {
  const concert = await standStill(organiser, { batch_size: '2' });
  const others = await crowd(4);
  for (const person of others) await person.join(concert);
  const me = await signUp();
  await me.join(concert);
  await others[0]!.leave(concert);
  await expect.poll(async () => (await me.place(concert)).rank).toBe(4);
  await me.lendSession(context);
  await visit(`/concerts/${concert.id}/queue`);
  await expect(page.getByTestId('pace')).toHaveText('About 2 tickets go out an hour');
  await expect(page.getByText('Your place is kept if you close this page.')).toBeVisible();
  // From the fifth place to the fourth, before this page was opened.
  await expect(page.getByRole('img', { name: 'Your rank over time' })).toBeVisible();
  await expect(page.locator('.sparkline polyline')).toHaveAttribute('points', /^2,\d+ 318,\d+ ?$/);
});

test('what moves stands still for whoever asked for that', { tag: '@script' }, async ({ page, context, visit, organiser, signUp }) => {
  const concert = await standStill(organiser);
  const me = await signUp();
  await me.join(concert);
  await me.lendSession(context);
  await visit(`/concerts/${concert.id}/queue`);
  const motion = (): Promise<string[]> =>
    pages.rank(page).evaluate((rank) => [getComputedStyle(rank).animationName, getComputedStyle(document.querySelector('.button')!).transitionProperty]);
  expect(await motion()).toEqual(['none', 'none']);
  await page.emulateMedia({ reducedMotion: 'no-preference' });
  expect((await motion())[0]).toMatch(/^step-[ab]$/);
});
