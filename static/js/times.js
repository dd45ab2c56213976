// Keeps relative times counting: <time data-time="age|up|run" datetime="…">. The words are those the server chose,
// so the numbers in its text are replaced and nothing is translated here.
(() => {
  const MINUTE = 60, HOUR = 3600, DAY = 86400;
  const words = JSON.parse(document.getElementById("time-words")?.textContent ?? "null");
  if (!words) return;

  const fill = (text, ...values) => values.reduce((filled, value) => filled.replace("%s", value), text);

  function short(seconds) {
    if (seconds < MINUTE) return fill(words.s, seconds);
    if (seconds < HOUR) return fill(words.min, Math.floor(seconds / MINUTE));
    if (seconds < 2 * DAY) return fill(words.h, Math.floor(seconds / HOUR));
    return fill(words.d, Math.floor(seconds / DAY));
  }

  function long(seconds) {
    if (seconds < HOUR) return short(seconds);
    if (seconds < DAY) return fill(words.h_min, Math.floor(seconds / HOUR), Math.floor((seconds % HOUR) / MINUTE));
    return fill(words.d_h, Math.floor(seconds / DAY), Math.floor((seconds % DAY) / HOUR));
  }

  function running(seconds) {
    return seconds < HOUR && seconds >= MINUTE
      ? fill(words.min_s, Math.floor(seconds / MINUTE), seconds % MINUTE)
      : long(seconds);
  }

  const shown = {
    age: (seconds) => (seconds < 5 ? words.now : fill(words.ago, short(seconds))),
    up: long,
    run: running,
  };

  function update(selector) {
    const now = Date.now();
    for (const element of document.querySelectorAll(selector)) {
      const seconds = Math.max(0, Math.floor((now - Date.parse(element.dateTime)) / 1000));
      const text = shown[element.dataset.time](seconds);
      if (element.textContent !== text) element.textContent = text;
    }
  }

  // The moment itself, in the zone of the browser.
  document.addEventListener("pointerover", (event) => {
    const element = event.target.closest?.("time[data-time]");
    if (element && !element.title) element.title = new Date(element.dateTime).toLocaleString(document.documentElement.lang);
  });

  let ticks = 0;
  setInterval(() => {
    if (document.hidden) return;
    update('time[data-time="run"]');
    // Up times begin in seconds; after a minute they change rarely.
    if (++ticks % 5 === 0) update('time[data-time="age"], time[data-time="up"]');
  }, 1000);

  window.spocweb = Object.assign(window.spocweb ?? {}, { short, fill });
})();
