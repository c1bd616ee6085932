// What a first visit costs: scripts and wasm, as they come over the line.

import { get } from 'node:http';
import type { IncomingHttpHeaders } from 'node:http';
import { expect, test } from '../support/test';

/** Bytes after brotli, JavaScript and wasm together. */
const BUDGET = 130 * 1000;

interface Fetched {
  bytes: number;
  headers: IncomingHttpHeaders;
}

/** The answer as it came, not unpacked: neither the browser nor Playwright says how long that was. */
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

for (const name of ['home', 'concert'] as const) {
  test(`a first visit to ${name} is within the budget`, { tag: ['@script', '@http'] }, async ({ page, visit, organiser }) => {
    const concert = await organiser.createConcert();
    const scripts = new Set<string>();
    const files = new Set<string>();
    page.on('response', (response) => {
      const url = new URL(response.url());
      const kind = response.headers()['content-type'] ?? '';
      if (/javascript|wasm/.test(kind)) scripts.add(url.href);
      if (url.pathname.startsWith('/pkg/')) files.add(url.href);
    });
    await visit({ home: '/', concert: `/concerts/${concert.id}` }[name]);
    // What comes late is part of it.
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
      expect(headers['content-encoding'], url).toBe('br');
      // What is compressed while it is sent has no length: nobody should wait for that.
      expect(headers['content-length'], `${url} is compressed beforehand`).toBe(String(bytes));
      expect(headers.vary, url).toMatch(/accept-encoding/i);
    }
    expect(files.size, 'style, scripts and wasm').toBeGreaterThanOrEqual(3);
  });
}
