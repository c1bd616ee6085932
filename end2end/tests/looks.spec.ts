// Visual comparison of key pages with stored pictures. After an intended change, `npm run looks`
// takes them again.

import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from '../support/test';
import { newcomer, standStill, Person, type Concert } from '../support/people';
import * as pages from '../support/pages';

const looks = [
  { name: 'wide-light-en', language: 'en', colorScheme: 'light', size: { width: 1280, height: 800 } },
  { name: 'narrow-dark-ko', language: 'ko', colorScheme: 'dark', size: { width: 390, height: 844 } },
] as const;

/** Fixed dates, so that the pages look the same at any time. */
const when = { starts_at: '2099-11-21T19:00', ends_at: '2099-11-21T21:00' };
const on = { ...when, title: '긴 줄을 위한 서곡 Overture', artist: 'Low Tide', venue: 'Nodeul Live House', sale_opens_at: '2026-01-01T20:00' };
const soon = { ...when, title: 'Overture at Dawn', artist: '새벽정류장', venue: '올림픽홀', sale_opens_at: '2099-10-01T20:00' };

// The machine's fonts are not to be compared, so all text is set in the fonts of this repository.
const weights = { 400: 'Regular', 800: 'ExtraBold' };
const fonts = path.join(__dirname, '../../services/fonts');
const style = `
  ${Object.keys(weights).map((weight) => `@font-face { font-family: Looks; font-weight: ${weight}; src: url(/looks-${weight}.otf); }`).join('')}
  :root { --text: Looks !important; --figures: Looks !important; }
  code { font-family: Looks !important; }`;

/** Version of the Chromium that drew the pictures. */
const version = path.join(__dirname, '../looks/chromium.txt');

// Accounts and concerts are created once for all looks.
test.describe.configure({ mode: 'serial', retries: 0 });
test.use({ bypassCSP: true });

let seen: { on: Concert; soon: Concert; waiting: Person; holder: Person };

test.beforeAll(async ({ organiser }) => {
  seen = {
    on: await standStill(organiser, on),
    soon: await organiser.createConcert(soon),
    holder: await called('Mina'),
    waiting: await called('Jun'),
  };
  const issuing = await organiser.createConcert({ ...on, title: 'Night Ferry' });
  await seen.holder.join(issuing);
  await expect.poll(async () => (await seen.holder.place(issuing)).standing).toBe('issued');
  for (let ahead = 0; ahead < 2; ahead++) await (await called(`Fan ${ahead}`)).join(seen.on);
  await seen.waiting.join(seen.on);
});

for (const { name, language, colorScheme, size } of looks) {
  test(name, { tag: '@script' }, async ({ page, context, browser, visit, organiser }) => {
    await page.route('**/looks-*.otf', (route) => {
      const weight = /\d+/.exec(new URL(route.request().url()).pathname)![0] as unknown as keyof typeof weights;
      return route.fulfill({ path: path.join(fonts, `FrontrowSans-${weights[weight]}.otf`) });
    });
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await page.setViewportSize(size);
    // Another version of the browser draws some letters and edges differently.
    const [major] = browser.version().split('.');
    if (test.info().config.updateSnapshots === 'all') await writeFile(version, `${major}\n`);
    const same = (await readFile(version, 'utf8')).trim() === major;
    const tolerance = { threshold: 0.25, ...(same ? { maxDiffPixels: 100 } : { maxDiffPixelRatio: 0.02 }) };
    const as = async (person: Person) => {
      await context.clearCookies();
      await person.lendSession(context);
    };
    /**
     * Compares the page with its picture, without time-dependent elements and with posters covered.
     */
    const compare = async (what: string, path: string, depends: string[] = []) => {
      await visit(`${path}${path.includes('?') ? '&' : '?'}lang=${language}`);
      const without = depends.map((selector) => `${selector} { display: none !important; }`);
      await page.addStyleTag({ content: [style, ...without].join('\n') });
      await page.evaluate(() => Promise.all([document.fonts.load('400 1em Looks', '한a'), document.fonts.load('800 1em Looks', '한a')]));
      const mask = [page.locator('.poster')];
      await expect(page).toHaveScreenshot(`${what}-${name}.png`, { mask, maskColor: '#7f7f9f', fullPage: true, animations: 'disabled', ...tolerance });
    };

    await compare('search', '/?search=overture');
    await compare('concert-soon', `/concerts/${seen.soon.id}`, ['[data-testid="countdown"]']);
    await compare('sign-up', '/sign-up');
    await as(seen.waiting);
    await compare('concert', `/concerts/${seen.on.id}`);
    await compare('queue', `/concerts/${seen.on.id}/queue`, ['[data-testid="outlook"] svg', '[data-testid="pace"]', '[data-testid="wait"]', '[data-testid="chance"]']);
    await pages.expectStanding(page, 'waiting');
    await as(seen.holder);
    const [ticket] = await seen.holder.tickets();
    await compare('ticket', `/tickets/${ticket!.id}`, ['[data-testid="qr"]', '[data-testid="code"]', '.ticket-facts']);
    await as(organiser);
    await compare('desk', `/concerts/${seen.on.id}/desk`, ['.desk-time', '.desk-plot', '[data-testid="desk-end"]']);
  });
}

async function called(nickname: string): Promise<Person> {
  return Person.signUp({ ...newcomer('looked-at'), nickname });
}
