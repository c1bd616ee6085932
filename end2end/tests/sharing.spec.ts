// Pages opened from a shared link, in a browser; server/tests/sharing.rs tests the content of their
// `<head>`.

import { expect, test } from '../support/test';
import { unique } from '../support/people';
import * as pages from '../support/pages';

test('a link shows the title in its address, and an old one leads to the new one', async ({ page, visit, organiser }) => {
  const word = unique();
  const concert = await organiser.createConcert({ title: `한강의 밤, ${word}!` });
  const address = `/concerts/${concert.id}-${encodeURIComponent('한강의-밤')}-${word}`;
  await visit(`/?search=${word}`);
  await page.getByRole('main').getByRole('link', { name: concert.title }).click();
  await expect(page).toHaveURL(address);

  await visit(`/concerts/${concert.id}-another-title?lang=ko`);
  await expect(page).toHaveURL(`${address}?lang=ko`);
  await expect(page.locator('html')).toHaveAttribute('lang', 'ko');
  await expect(page.getByRole('heading', { level: 1 })).toHaveText(concert.title);
  // The switch applies to all pages, including this one.
  await pages.header(page).getByRole('button', { name: 'English' }).click();
  await expect(page).toHaveURL(address);
  await expect(page.locator('html')).toHaveAttribute('lang', 'en');
});

test('what is for machines runs nothing, and its picture is one', { tag: '@http' }, async ({ page, visit, organiser }) => {
  const title = `</script><script>window.ran = true</script> ${unique()}`;
  const concert = await organiser.createConcert({ title });
  await visit(`/concerts/${concert.id}`);
  const said = await page.locator('script[type="application/ld+json"]').allTextContents();
  const event = said.map((text) => JSON.parse(text)).find((data) => data['@type'] === 'Event');
  expect(event.name).toBe(title);
  expect(await page.evaluate(() => 'ran' in window)).toBe(false);
  const picture = await page.locator('meta[property="og:image"]').getAttribute('content');
  const size = await page.evaluate(async (src) => {
    const image = new Image();
    image.src = src;
    await image.decode();
    return [image.naturalWidth, image.naturalHeight];
  }, picture!);
  expect(size).toEqual([1200, 630]);
});
