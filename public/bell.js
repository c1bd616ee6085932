// Notifies in the name of a page with a place in a queue (app/src/queue/bell.rs): on Android a page may not do so by itself.
// Whoever presses the notification is taken to that page, which is opened again if it was closed.
const page = (address) => address.split('#')[0];

addEventListener('notificationclick', (event) => {
  const { notification } = event;
  const go = async () => {
    const windows = await clients.matchAll({ type: 'window', includeUncontrolled: true });
    const open = windows.find(({ url }) => page(url) === page(notification.data));
    return open ? open.focus() : clients.openWindow(notification.data);
  };
  notification.close();
  event.waitUntil(go());
});
