// Notifies in the name of a page with a place in a queue (app/src/queue/bell.rs): on Android a page may not do so by itself.
// Whoever presses the notification is taken to that page, which is opened again if it was closed.
addEventListener('notificationclick', (event) => {
  const { notification } = event;
  const go = async () => {
    const pages = await clients.matchAll({ type: 'window', includeUncontrolled: true });
    const page = pages.find(({ url }) => url === notification.data);
    return page ? page.focus() : clients.openWindow(notification.data);
  };
  notification.close();
  event.waitUntil(go());
});
