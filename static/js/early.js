// Runs before the page is drawn: parts that only work with script show themselves, those for its absence hide.
document.documentElement.classList.add("sw-scripted");
