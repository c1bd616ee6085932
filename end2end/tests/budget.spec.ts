// Cost of a first visit: scripts and wasm, in bytes as transferred.

import { get } from 'node:http';
import type { IncomingHttpHeaders } from 'node:http';
import { kst, standStill } from '../support/people';
import { expect, test } from '../support/test';

/** Bytes after brotli, JavaScript and wasm together. */
const BUDGET = 135 * 1000;

interface Fetched {
  bytes: number;
  headers: IncomingHttpHeaders;
}

/**
 * Returns the response as transferred, not decompressed: neither the browser nor Playwright reports
 * that length.
 */
function fetchPacked(url: string): Promise<Fetched> {
  return new Promise((resolve, reject) => {
    get(url, { headers: { 'accept-encoding': 'br' } }, (response) => {
      let bytes = 0;
      response.on('data', (part: Buffer) => (bytes += part.length));
      response.on('end', () => resolve({ bytes, headers: response.headers }));
      response.on('error', reject);
    }).on('error', reject);
  });
}

for (const [name, viewport] of [['wide', { width: 1280, height: 800 }], ['narrow', { width: 390, height: 844 }]] as const) {
  test(`nothing moves while a page comes, ${name}`, { tag: '@script' }, async ({ page, context, visit, organiser, signUp }) => {
    await page.setViewportSize(viewport);
    const [selling, soon] = [await standStill(organiser), await organiser.createConcert({ sale_opens_at: kst(86_400) })];
    const me = await signUp();
    await me.join(selling);
    await me.lendSession(context);
    await page.addInitScript(() => {
      const shifts = { sum: 0 };
      Object.assign(window, { shifts });
      new PerformanceObserver((seen) => {
        for (const shift of seen.getEntries()) shifts.sum += (shift as unknown as { value: number }).value;
      }).observe({ type: 'layout-shift', buffered: true });
    });
    const moved = (): Promise<number> => page.evaluate(() => (window as unknown as { shifts: { sum: number } }).shifts.sum);
    for (const path of ['/', `/concerts/${selling.id}`, `/concerts/${soon.id}`, `/concerts/${selling.id}/queue`]) {
      await visit(path);
      await page.evaluate(() => document.fonts.ready);
      await page.evaluate(() => new Promise((painted) => requestAnimationFrame(() => requestAnimationFrame(painted))));
      expect.soft(await moved(), path).toBeLessThan(0.01);
    }
    // Control: a shift would be measured.
    await page.evaluate(() => document.querySelector('main')!.insertAdjacentHTML('beforebegin', '<p><br/><br/><br/><br/><br/></p>'));
    await expect.poll(moved).toBeGreaterThan(0.01);
  });
}

for (const name of ['home', 'concert'] as const) {
  test(`a first visit to ${name} is within the budget`, { tag: ['@script', '@http'] }, async ({ page, visit, organiser }) => {
    const concert = await organiser.createConcert();
    const scripts = new Set<string>();
    const files = new Set<string>();
    page.on('response', (response) => {
      const url = new URL(response.url());
      const kind = response.headers()['content-type'] ?? '';
      if (/javascript|wasm/.test(kind)) scripts.add(url.href);
      if (/^\/(pkg|fonts)\//.test(url.pathname)) files.add(url.href);
    });
    await visit({ home: '/', concert: `/concerts/${concert.id}` }[name]);
    // Resources that load late are included.
    await page.waitForLoadState('networkidle');

    const costs: { url: string; bytes: number }[] = [];
    for (const url of scripts) costs.push({ url, bytes: (await fetchPacked(url)).bytes });
    costs.sort((a, b) => b.bytes - a.bytes);
    const sum = costs.reduce((sum, { bytes }) => sum + bytes, 0);
    const list = costs.map(({ url, bytes }) => `${bytes} ${new URL(url).pathname}`).join('\n');
    expect(costs.some(({ url }) => url.endsWith('.wasm')), 'the wasm was seen').toBe(true);
    expect(sum, `${sum} bytes:\n${list}`).toBeLessThanOrEqual(BUDGET);
    test.info().annotations.push({ type: 'budget', description: `${sum} of ${BUDGET} bytes` });

    for (const url of files) {
      const { bytes, headers } = await fetchPacked(url);
      expect(headers['cache-control'], url).toBe('public, max-age=31536000, immutable');
      // A WOFF2 font is already compressed.
      if (url.endsWith('.woff2')) continue;
      expect(headers['content-encoding'], url).toBe('br');
      // A response that is compressed while it is sent has no length; no client should wait for
      // compression.
      expect(headers['content-length'], `${url} is compressed beforehand`).toBe(String(bytes));
      expect(headers.vary, url).toMatch(/accept-encoding/i);
    }
    expect(files.size, 'style, scripts, wasm and the font').toBeGreaterThanOrEqual(4);
  });
}
