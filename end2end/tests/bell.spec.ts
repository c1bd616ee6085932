// Notification of an issued ticket, by a sound and by the browser.

import type { Worker } from '@playwright/test';
import { expect, test } from '../support/test';
import { standStill } from '../support/people';
import * as pages from '../support/pages';

/** The parts of a service worker's scope that this test uses. */
interface WorkerScope {
  registration: ServiceWorkerRegistration;
  clients: { openWindow: (url: string) => Promise<void> };
  WindowClient: { prototype: { url: string; focus: () => Promise<void> } };
  NotificationEvent: new (type: string, about: { notification: Notification }) => Event & { waitUntil: (done: Promise<void>) => void };
}

/** Presses the notification that is shown, and returns where the worker would take the user. */
const pressNotification = (worker: Worker): Promise<string[]> =>
  worker.evaluate(async () => {
    const scope = globalThis as unknown as WorkerScope;
    const went: string[] = [];
    // Only a press by a user may really focus the page or open a window.
    scope.WindowClient.prototype.focus = async function () {
      went.push(`to ${this.url}`);
    };
    scope.clients.openWindow = async (url) => {
      went.push(`opened ${url}`);
    };
    const [notification] = await scope.registration.getNotifications();
    const pressed = new scope.NotificationEvent('notificationclick', { notification: notification! });
    let done: Promise<void> | undefined;
    pressed.waitUntil = (until) => (done = until);
    dispatchEvent(pressed);
    await done;
    return went;
  });

test('somebody who asked for it is told when the turn comes, and hears it', { tag: '@script' }, async ({ page, context, visit, organiser, signUp }) => {
  await context.grantPermissions(['notifications']);
  await page.addInitScript(() => {
    const sounds: number[] = [];
    Object.assign(window, { sounds });
    const start = OscillatorNode.prototype.start;
    OscillatorNode.prototype.start = function (...when) {
      sounds.push(when[0]!);
      start.apply(this, when);
    };
    // As on Android: a page may ask for permission, and leaves the rest to its service worker.
    const construct = (): never => {
      throw new TypeError('Illegal constructor');
    };
    Object.assign(window, { Notification: new Proxy(Notification, { construct }) });
  });
  const concert = await organiser.createConcert({ capacity: '5' });
  await organiser.send('/api/steer_sale', { id: String(concert.id), action: 'pause' });
  const me = await signUp();
  await me.join(concert);
  await me.lendSession(context);
  await visit(`/concerts/${concert.id}/queue`);
  const address = page.url();
  // At a fragment of the page, as after the link to its content.
  await page.evaluate(() => (location.hash = 'content'));
  const bell = page.getByTestId('bell');
  await expect(bell).toHaveAttribute('aria-pressed', 'false');
  await bell.click();
  await expect(bell).toHaveAttribute('aria-pressed', 'true');
  await expect(bell).toHaveText('We will notify you while this page is open');
  const sounds = (): Promise<number> => page.evaluate(() => (window as unknown as { sounds: number[] }).sounds.splice(0).length);
  const notifications = (): Promise<string[]> =>
    page.evaluate(async () => (await (await navigator.serviceWorker.ready).getNotifications()).map(({ title }) => title));
  expect(await sounds(), 'so that it is known how it sounds').toBe(3);
  expect(await notifications()).toEqual([]);
  await organiser.send('/api/steer_sale', { id: String(concert.id), action: 'resume' });
  await pages.expectStanding(page, 'issued');
  await expect.poll(notifications).toEqual([`It is your turn. Your ticket for ${concert.title} has been issued.`]);
  expect(await sounds()).toBe(3);

  // Pressing the notification returns to the page, or opens it again.
  const [worker] = context.serviceWorkers();
  const elsewhere = await context.newPage();
  await elsewhere.goto('/');
  expect(await pressNotification(worker!)).toEqual([`to ${address}`]);
  await expect.poll(notifications).toEqual([]);
  await worker!.evaluate((data) => (globalThis as unknown as WorkerScope).registration.showNotification('Once more', { data }), address);
  await page.close();
  expect(await pressNotification(worker!)).toEqual([`opened ${address}`]);
});

test('a sound is what is promised where notifications are not allowed', { tag: '@script' }, async ({ page, context, visit, organiser, signUp }) => {
  const concert = await standStill(organiser);
  const me = await signUp();
  await me.join(concert);
  await me.lendSession(context);
  await visit(`/concerts/${concert.id}/queue`);
  const registered = page.evaluate(
    () =>
      new Promise<boolean>((answered) => {
        let registered = false;
        navigator.serviceWorker.register = () => {
          registered = true;
          return new Promise(() => {});
        };
        Notification.requestPermission = async () => {
          // A task of its own, after everything that follows from the answer at once.
          setTimeout(() => answered(registered));
          return 'denied';
        };
      }),
  );
  await page.getByTestId('bell').click();
  expect(await registered).toBe(false);
  await expect(page.getByTestId('bell')).toHaveText('We will play this sound');
  await expect(page.getByTestId('bell')).toHaveAttribute('aria-pressed', 'true');
});
