// What the browser made of a page: what is wider than it, labels, headings, contrast, sizes of buttons, words.
const wide = [...document.querySelectorAll('main *')].filter(e => !e.closest('svg, thead, .skip'))
  .filter(e => e.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
  .map(e => e.outerHTML.slice(0, 90));
const inputs = [...document.querySelectorAll('input:not([type=hidden]), select, textarea')];
const unlabelled = inputs.filter(e => !e.labels.length && !e.ariaLabel).map(e => e.outerHTML);
const levels = [...document.querySelectorAll('h1, h2, h3, h4')].map(e => +e.tagName[1]);
const nameless = [...document.querySelectorAll('a, button')].filter(e => !e.innerText.trim()).map(e => e.outerHTML);
const number = c => (c.match(/[\d.]+/g) || []).map(Number);
const light = c => { const [r, g, b] = number(c).map(v => v / 255)
  .map(v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
  return .2126 * r + .7152 * g + .0722 * b; };
const back = e => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor;
  if (number(c).length < 4 || number(c)[3] === 1) return c; } return 'rgb(255, 255, 255)'; };
const faint = [];
for (const e of document.querySelectorAll('body *')) {
  if (![...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim()) 
    || e.closest('svg, .skip') || !e.offsetParent) continue;
  const a = light(getComputedStyle(e).color), b = light(back(e));
  const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
  if (ratio < 4.5) faint.push(`${ratio.toFixed(2)} ${e.outerHTML.slice(0, 90)}`);
}
const small = [...document.querySelectorAll('button, .button')].filter(e => e.offsetParent && !e.classList.contains('plain'))
  .filter(e => e.getBoundingClientRect().height < 40).map(e => e.outerHTML);
// A badge of one word stands on one line.
const broken = [...document.querySelectorAll('.badge')].filter(e => e.offsetParent && !/\s/.test(e.innerText.trim()))
  .filter(e => e.getBoundingClientRect().height > 1.9 * parseFloat(getComputedStyle(e).lineHeight || 0))
  .map(e => e.outerHTML);
return {broken, wide, unlabelled, levels, nameless, faint, small,
  overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth};
