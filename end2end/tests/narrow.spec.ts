// User input without any space, on the narrowest screens: no page gets wider than the screen.

import { expect, test } from '../support/test';
import { newcomer, standStill } from '../support/people';

test.use({ viewport: { width: 320, height: 640 } });

// The longest text that each field accepts. Korean breaks only between words, unless it has to.
for (const letter of ['W', '뷁']) {
  test(`words of nothing but ${letter} make no page wider`, async ({ page, context, visit, signUp, organiser, admin }) => {
    const form = { title: letter.repeat(120), artist: letter.repeat(120), venue: letter.repeat(120), description: letter.repeat(2000) };
    const person = () => signUp({ ...newcomer(), name: letter.repeat(80), nickname: letter.repeat(40) });
    const [holder, waiting] = [await person(), await person()];
    const still = await standStill(organiser, form);
    await waiting.join(still);
    const selling = await organiser.createConcert(form);
    await holder.join(selling);
    await expect.poll(async () => (await holder.place(selling)).standing).toBe('issued');
    const [ticket] = await holder.tickets();
    const { id } = (await (await holder.http.get('/api/current_account')).json()) as { id: number };
    const draft = await organiser.createConcert({ ...form, draft: 'true' });

    const ways: [typeof holder | undefined, string[]][] = [
      [undefined, ['/', `/?search=${form.title}`, `/concerts/${still.id}`]],
      [holder, ['/tickets', `/tickets/${ticket!.id}`, `/concerts/${selling.id}/queue`, '/account', '/account/profile']],
      [waiting, ['/tickets', `/concerts/${still.id}/queue`]],
      [organiser, ['/concerts/mine', `/concerts/${selling.id}`, `/concerts/${selling.id}/edit`, `/concerts/${selling.id}/desk`, `/concerts/${draft.id}`]],
      [admin, ['/admin', `/admin/accounts/${id}`]],
    ];
    for (const [who, paths] of ways) {
      await context.clearCookies();
      await who?.lendSession(context);
      for (const path of paths) {
        await visit(path);
        const sticksOut = await page.evaluate(() => {
          const { scrollWidth, clientWidth } = document.documentElement;
          if (scrollWidth <= clientWidth) return [];
          const wide = [...document.querySelectorAll('body *')].filter((element) => element.getBoundingClientRect().right > clientWidth);
          return wide.map((element) => `${element.tagName} ${element.className}: ${element.textContent?.slice(0, 40)}`);
        });
        expect(sticksOut, `nothing sticks out to the side of ${path}`).toEqual([]);
      }
    }
  });
}
