// Runs before the page is drawn: parts that only work with script show themselves, those for its absence hide.
document.documentElement.classList.add("sw-scripted");
// Times are written in the zone of whoever reads them: the server learns it with the next request.
(() => {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone ?? "";
  const kept = `spocweb_zone=${zone}`;
  if (/^[A-Za-z0-9_+/-]+$/.test(zone) && !document.cookie.split("; ").includes(kept)) document.cookie = `${kept}; path=/; max-age=31536000; samesite=lax`;
})();
