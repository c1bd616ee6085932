// Every page: what a crawler reads, what the console logs, whether it fits.

import { expect, refused, test } from '../support/test';
import { standStill } from '../support/people';
import * as pages from '../support/pages';

interface PageUnderTest {
  path: string;
  /** The account that opens the page. */
  as?: 'somebody' | 'organiser' | 'admin';
  status?: number;
  title: string;
  heading: string;
}

const everyPage: PageUnderTest[] = [
  { path: '/', title: 'Concerts · Frontrow', heading: 'House lights down.' },
  { path: '/?search=x&genre=jazz&page=3', title: 'Concerts · Frontrow', heading: 'House lights down.' },
  { path: '/sign-up', title: 'Sign up · Frontrow', heading: 'Sign up' },
  { path: '/log-in', title: 'Log in · Frontrow', heading: 'Log in' },
  { path: '/concerts/CONCERT', title: 'TITLE · Frontrow', heading: 'TITLE' },
  { path: '/concerts/CONCERT', as: 'somebody', title: 'TITLE · Frontrow', heading: 'TITLE' },
  { path: '/concerts/CONCERT/queue', as: 'somebody', title: '1 · TITLE · Frontrow', heading: 'You are number' },
  { path: '/concerts/CONCERT/queue', as: 'organiser', title: 'Queue · TITLE · Frontrow', heading: 'You are not in this queue' },
  { path: '/concerts/CONCERT/edit', as: 'organiser', title: 'Edit the concert · Frontrow', heading: 'Edit the concert' },
  { path: '/concerts/CONCERT/desk', as: 'organiser', title: 'Desk · TITLE · Frontrow', heading: 'TITLE' },
  { path: '/concerts/CONCERT/desk', as: 'somebody', status: 403, title: 'Not with this account · Frontrow', heading: 'Not with this account' },
  { path: '/concerts/new', as: 'organiser', title: 'New concert · Frontrow', heading: 'New concert' },
  { path: '/concerts/mine', as: 'organiser', title: 'My concerts · Frontrow', heading: 'My concerts' },
  { path: '/concerts/mine', as: 'somebody', status: 403, title: 'Not with this account · Frontrow', heading: 'Not with this account' },
  { path: '/concerts/new', as: 'somebody', status: 403, title: 'Not with this account · Frontrow', heading: 'Not with this account' },
  { path: '/account', as: 'somebody', title: 'Your account · Frontrow', heading: 'Your account' },
  { path: '/admin', as: 'admin', title: 'Administration · Frontrow', heading: 'Administration' },
  { path: '/tickets', as: 'somebody', title: 'My tickets · Frontrow', heading: 'My tickets' },
  { path: '/tickets/1000000', as: 'somebody', status: 404, title: 'There is nothing here · Frontrow', heading: 'There is nothing here' },
  { path: '/nowhere', status: 404, title: 'There is nothing here · Frontrow', heading: 'There is nothing here' },
];

for (const { path, as, status = 200, title, heading } of everyPage) {
  test(`${path}${as ? ` as ${as}` : ''}`, async ({ page, context, visit, organiser, admin, signUp, playwright, baseURL, expectComplaint }) => {
    if (status !== 200) expectComplaint(refused(status));
    const concert = await standStill(organiser);
    const somebody = await signUp();
    if (path.endsWith('/queue')) await somebody.join(concert);
    if (as) await { somebody, organiser, admin }[as].lendSession(context);
    const filled = (text: string): string => text.replace('CONCERT', String(concert.id)).replace('TITLE', concert.title);

    await test.step('as HTML', async () => {
      const request = await playwright.request.newContext({ baseURL, storageState: await context.storageState() });
      const response = await request.get(filled(path), { headers: { accept: 'text/html' }, maxRedirects: 0 });
      const html = await response.text();
      expect(response.status()).toBe(status);
      expect(response.headers()['content-type']).toBe('text/html; charset=utf-8');
      expect(html).toContain(`<title>${filled(title)}</title>`);
      expect(html).toContain('<html lang="en"');
      expect(html.match(/<meta name="description" content="[^"]{8,}"/g), 'one description').toHaveLength(1);
      expect(html.match(/<h1[ >]/g), 'one heading').toHaveLength(1);
      expect(html).toMatch(new RegExp(`<h1[^>]*>(<bdi>)?${filled(heading)}`));
      await request.dispose();
    });

    await test.step('in the browser', async () => {
      await visit(filled(path));
      await expect(page.getByRole('heading', { level: 1 })).toHaveText(filled(heading));
      await expect(page).toHaveTitle(filled(title));
      const overhang = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      expect(overhang, 'nothing sticks out to the side').toBeLessThanOrEqual(0);
      for (const way of await pages.header(page).getByRole('link').all()) await expect(way).toBeInViewport({ ratio: 0.9 });
    });
  });
}
