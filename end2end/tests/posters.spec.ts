import { deflateSync } from 'node:zlib';
import { PNG } from 'pngjs';
import { expect, refused, test } from '../support/test';
import { concertForm, unique } from '../support/people';
import * as pages from '../support/pages';

const crcTable = Array.from({ length: 256 }, (_, n) => {
  for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n >>> 0;
});

/** Returns a PNG of one colour. */
function png(width: number, height: number, [r, g, b]: [number, number, number]): Buffer {
  const chunk = (name: string, content: Buffer): Buffer => {
    const body = Buffer.concat([Buffer.from(name), content]);
    const crc = ~body.reduce((crc, byte) => crcTable[(crc ^ byte) & 0xff]! ^ (crc >>> 8), -1) >>> 0;
    const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(content.length);
    check.writeUInt32BE(crc);
    return Buffer.concat([length, body, check]);
  };
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width);
  head.writeUInt32BE(height, 4);
  head.set([8, 2, 0, 0, 0], 8);
  const row = Buffer.concat([Buffer.from([0]), Buffer.alloc(width * 3, Buffer.from([r, g, b]))]);
  const pixels = deflateSync(Buffer.alloc(row.length * height, row));
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([signature, chunk('IHDR', head), chunk('IDAT', pixels), chunk('IEND', Buffer.alloc(0))]);
}

const file = (buffer: Buffer, name = 'poster.png') => ({ name, mimeType: 'image/png', buffer });

test('an organiser uploads a poster, everybody sees it, and it is taken down again', async ({ page, context, visit, anotherBrowser, organiser }) => {
  const title = `Poster ${unique()}`;
  const concert = await organiser.createConcert({ title });
  await organiser.lendSession(context);
  await visit(`/concerts/${concert.id}/edit`);
  const part = page.locator('#poster-form');
  await expect(part.getByText('This one is drawn by us.')).toBeVisible();
  await part.getByLabel('Poster').setInputFiles(file(png(900, 1200, [20, 90, 160])));
  await part.getByRole('button', { name: 'Upload this poster' }).click();
  await expect(page).toHaveURL(`/concerts/${concert.id}/edit#poster-form`);
  await expect(part.getByText('This is the poster that you uploaded.')).toBeVisible();

  const other = await anotherBrowser();
  await visit(`/?search=${encodeURIComponent(title)}`, other);
  for (const path of [`/?search=${encodeURIComponent(title)}`, `/concerts/${concert.id}`]) {
    await visit(path, other);
    const picture = other.getByTestId('uploaded-poster').locator('img');
    await picture.scrollIntoViewIfNeeded();
    // At any width that the browser chose the picture is square, and the title is still text.
    await expect.poll(() => picture.evaluate((img: HTMLImageElement) => img.complete && img.naturalWidth > 0 && img.naturalWidth === img.naturalHeight)).toBe(true);
    await expect(other.getByRole('heading', { name: title })).toBeVisible();
  }

  await part.getByText('Remove the poster', { exact: true }).click();
  await part.getByRole('button', { name: 'Yes, remove it' }).click();
  await expect(part.getByText('This one is drawn by us.')).toBeVisible();
  // Shared pages may be a moment old.
  await expect(async () => {
    await visit(`/concerts/${concert.id}`, other);
    expect(await other.getByTestId('uploaded-poster').count()).toBe(0);
  }).toPass();
  await expect(other.locator('.concert-poster svg')).toHaveCount(1);
});

test('an uploaded poster is on the card that is shared, in the page\'s data, and on the ticket, on paper as well', async ({ page, context, visit, organiser, signUp }) => {
  const concert = await organiser.createConcert();
  const upload = await organiser.http.post(`/api/upload_poster?id=${concert.id}`, { multipart: { poster: file(png(700, 700, [20, 90, 160])) } });
  expect(upload.ok()).toBe(true);
  const fan = await signUp();
  await fan.join(concert);
  await expect.poll(async () => (await fan.place(concert)).standing).toBe('issued');
  const [ticket] = await fan.tickets();

  // Shared pages may be a moment old.
  let pictures: string[] = [];
  await expect(async () => {
    await visit(`/concerts/${concert.id}`);
    const data = await page.locator('script[type="application/ld+json"]').allTextContents();
    pictures = data.map((one) => JSON.parse(one)).find((one) => one['@type'] === 'Event').image;
    expect(pictures.map((picture) => new URL(picture).pathname)).toEqual([expect.stringMatching(/^\/posters\/.*-640\.jpg$/), `/concerts/${concert.id}/card.png`]);
  }).toPass();
  expect((await fan.http.get(new URL(pictures[0]!).pathname)).headers()['content-type']).toBe('image/jpeg');
  const card = PNG.sync.read(await (await fan.http.get(`/concerts/${concert.id}/card.png`)).body());
  const [r, g, b] = card.data.subarray((300 * card.width + 250) * 4);
  for (const [seen, sent] of [[r, 20], [g, 90], [b, 160]] as const) expect(Math.abs(seen! - sent)).toBeLessThan(8);

  await fan.lendSession(context);
  for (const path of ['/tickets', `/tickets/${ticket!.id}`]) {
    await visit(path);
    const poster = page.getByTestId('ticket').getByTestId('uploaded-poster').locator('img');
    await expect.poll(() => poster.evaluate((img: HTMLImageElement) => img.complete && img.naturalWidth > 0)).toBe(true);
  }
  const pdf = await (await fan.http.get(`/tickets/${ticket!.id}/ticket.pdf`)).body();
  expect(pdf.includes('/DCTDecode'), 'a JPEG in it').toBe(true);
});

test('what is no poster is refused beside its field', async ({ page, context, visit, organiser }) => {
  const concert = await organiser.createConcert();
  await organiser.lendSession(context);
  await visit(`/concerts/${concert.id}/edit`);
  const upload = page.locator('#poster-form').getByRole('button', { name: 'Upload this poster' });
  for (const [content, words] of [
    [file(Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>')), 'This is no picture that can be read here. JPEG, PNG and WebP are taken.'],
    [file(png(200, 900, [1, 2, 3])), 'The picture is too small: at least 320 pixels on each side.'],
    [file(Buffer.alloc(9 << 20)), 'The file is too large: at most 8 MB.'],
  ] as const) {
    await pages.field(page, 'poster').setInputFiles(content);
    await upload.click();
    await expect(pages.problem(page, 'poster')).toHaveText(words);
    await expect(pages.field(page, 'poster')).toHaveAttribute('aria-invalid', 'true');
  }
  await upload.click();
  await expect(pages.problem(page, 'poster')).toHaveText('Please fill this in.');
});

test('a concert is a draft first, and public when it is published', async ({ page, context, visit, anotherBrowser, organiser, expectComplaint }) => {
  expectComplaint(refused(404));
  await organiser.lendSession(context);
  const form = concertForm();
  await visit('/concerts/new');
  await pages.fill(page, form);
  await page.getByRole('button', { name: 'Save as a draft' }).click();
  await expect(page).toHaveURL(/\/concerts\/\d+\/edit$/);
  await expect(page.getByTestId('draft')).toContainText('Nobody but you and the administrators can see this concert.');
  const address = new URL(page.url()).pathname.replace('/edit', '');

  const other = await anotherBrowser();
  expect((await other.goto(address))?.status()).toBe(404);
  await visit(`/?search=${encodeURIComponent(form.title)}`, other);
  await expect(other.getByRole('heading', { name: 'No concert fits that.' })).toBeVisible();
  await visit('/concerts/mine');
  await page.getByRole('link', { name: `Edit ${form.title}` }).click();
  await expect(pages.field(page, 'title')).toHaveValue(form.title);
  await visit(address);
  await expect(pages.saleControl(page)).toContainText('Nothing so far.');
  await expect(pages.saleState(page), 'what nobody can buy is not open').toHaveCount(0);

  await page.getByText('Publish', { exact: true }).click();
  await page.getByRole('button', { name: 'Yes, publish it' }).click();
  await expect(page).toHaveURL(address);
  await expect(page.getByTestId('draft')).toHaveCount(0);
  await expect(page.getByTestId('sale-changes')).toContainText(/Published:\s+Draft.*Public/s);
  await visit(address, other);
  await expect(other.getByRole('heading', { level: 1 })).toHaveText(form.title);
});

test('the form is seen as buyers would see it, and nothing is saved', async ({ page, context, visit, organiser }) => {
  const concert = await organiser.createConcert();
  await organiser.lendSession(context);
  await visit(`/concerts/${concert.id}/edit`);
  const preview = page.getByTestId('preview');
  await expect(preview).toContainText(concert.title);
  const title = `Changed ${unique()}`;
  await pages.fill(page, { title, price_won: '-5', description: 'Line one.\nLine two.' });
  await page.getByRole('button', { name: 'Preview' }).click();
  await expect(page).toHaveURL(/\/edit\?call=\/api\/preview_concert/);
  await expect(pages.problem(page, 'price_won')).toHaveText('Must be from 0 to 100,000,000.');
  await expect(pages.field(page, 'title')).toHaveValue(title);
  await pages.fill(page, { price_won: '12,000' });
  await page.getByRole('button', { name: 'Preview' }).click();
  await expect(preview).toContainText(title);
  await expect(preview).toContainText('₩12,000');
  await expect(preview).toContainText('Line two.');
  await page.waitForLoadState();
  let above = -Infinity;
  for (const part of ['.stubs', '.concert-poster', '.facts', '.about']) {
    const { y, height } = (await preview.locator(part).boundingBox())!;
    expect(y, `${part} is below what is before it`).toBeGreaterThanOrEqual(above);
    above = y + height;
  }
  await expect(pages.problem(page, 'price_won')).toBeHidden();
  await visit(`/concerts/${concert.id}`);
  await expect(page.getByRole('heading', { level: 1 })).toHaveText(concert.title);
});

test('a button stays under the pointer that is about to press it', { tag: '@script' }, async ({ page, context, visit, organiser }) => {
  await organiser.lendSession(context);
  // Records the fields that a response calls wrong, after the page has processed it.
  await page.addInitScript(() => {
    const json = Response.prototype.json;
    Response.prototype.json = async function () {
      const answer = await json.call(this);
      setTimeout(() => Object.assign(window, { read: answer.problems.map(({ field }: { field: string }) => field) }));
      return answer;
    };
  });
  // Sets the whole form first: the preview then appears with the problems and moves the button
  // below it.
  const form = { ...concertForm(), running_minutes: '-5', batch_size: '0' };
  for (const name of ['Create and publish', 'Preview']) {
    await visit('/concerts/new');
    const button = page.getByRole('button', { name });
    await button.hover();
    const [before, scrolled] = [await button.boundingBox(), await page.evaluate(() => scrollY)];
    // By script: a browser scrolls to the field that is typed into, and the pointer would be
    // elsewhere.
    await page.evaluate((form) => {
      for (const [name, value] of Object.entries(form)) {
        const field = document.querySelector<HTMLInputElement>(`#concert-form [name="${name}"]`)!;
        field.value = value;
        field.dispatchEvent(new Event('change', { bubbles: true }));
      }
    }, form);
    await page.waitForFunction(() => (window as { read?: string[] }).read?.includes('batch_size'));
    expect([await button.boundingBox(), await page.evaluate(() => scrollY)]).toEqual([before, scrolled]);
    await expect(pages.problem(page, 'running_minutes')).toBeHidden();
    await page.mouse.move(5, 5);
    await expect(pages.problem(page, 'running_minutes')).toBeVisible();
    expect(await button.boundingBox()).not.toEqual(before);
  }
});

test('while one types the preview keeps up and mistakes are said beside their fields', { tag: '@script' }, async ({ page, context, visit, organiser }) => {
  await organiser.lendSession(context);
  const form = concertForm();
  await visit('/concerts/new');
  await pages.markDocument(page);
  const preview = page.getByTestId('preview');
  await pages.field(page, 'price_won').fill('-5');
  await pages.field(page, 'price_won').blur();
  await expect(pages.problem(page, 'price_won')).toHaveText('Must be from 0 to 100,000,000.');
  await expect(pages.field(page, 'price_won')).toHaveAttribute('aria-invalid', 'true');
  await expect(pages.field(page, 'price_won')).toHaveAccessibleDescription(/^Must be/);
  // This field has not been visited yet.
  await expect(pages.problem(page, 'artist')).toBeHidden();

  await pages.fill(page, form);
  await expect(pages.problem(page, 'price_won')).toBeHidden();
  await expect(pages.field(page, 'price_won')).not.toHaveAttribute('aria-invalid', 'true');
  await expect(preview).toContainText(form.title);
  await expect(preview).toContainText('The poster is an example.');
  await expect(preview).toContainText('₩66,000');
  await pages.fill(page, { title: '한강의 밤 <b>', ends_at: form.sale_opens_at });
  await expect(preview).toContainText('한강의 밤 <b>');
  await expect(pages.problem(page, 'ends_at')).toHaveText('The end must be after the start.');
  await pages.expectSameDocument(page);
});

test('what is typed before the page has come to life is in the preview', { tag: '@script' }, async ({ page, context, organiser }) => {
  await organiser.lendSession(context);
  const form = concertForm();
  const letGo = await pages.holdScripts(page);
  await page.goto('/concerts/new');
  await pages.fill(page, form);
  letGo();
  await expect(page.getByTestId('preview')).toContainText(form.title);
});
