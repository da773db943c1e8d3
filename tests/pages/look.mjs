// Looks at pages: node look.mjs DRIVER CHROMIUM FOLDER [--keep]
// Every `*.html` of the folder is opened in light, dark, on a phone, without scripts and on
// paper. What is wrong goes to stderr, and the exit code is 1. `--keep` leaves pictures.
import { createRequire } from 'node:module';
import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const [driver, chromium, folder, keep] = process.argv.slice(2);
const require = createRequire(path.join(path.resolve(driver), 'here.js'));
const { chromium: browsers } = require('playwright-core');
const axe = fs.readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

const wrong = [];
const browser = await browsers.launch({
  executablePath: chromium,
  headless: true,
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync'],
});

const VIEWS = {
  light: { colorScheme: 'light', viewport: { width: 1280, height: 900 } },
  dark: { colorScheme: 'dark', viewport: { width: 1280, height: 900 } },
  mobile: { colorScheme: 'light', viewport: { width: 390, height: 844 }, reducedMotion: 'reduce' },
  unscripted: { colorScheme: 'light', viewport: { width: 1280, height: 900 }, javaScriptEnabled: false },
};

/** Opens a page; whatever it asks for or complains about is wrong. */
async function open(file, name, view) {
  const context = await browser.newContext(VIEWS[view]);
  const page = await context.newPage();
  const blame = (what) => wrong.push(`${name}, ${view}: ${what}`);
  const own = pathToFileURL(file).href;
  page.on('console', (message) => blame(`console: ${message.text()}`));
  page.on('pageerror', (error) => blame(`error: ${error}`));
  page.on('dialog', (dialog) => { blame(`dialog: ${dialog.message()}`); dialog.dismiss(); });
  page.on('request', (request) => { if (request.url() !== own) blame(`asked for ${request.url()}`); });
  await page.goto(own);
  return { context, page, blame };
}

/** The text of a page, with what is folded away, with single spaces. */
const words = (page) => page.evaluate(() => {
  const body = document.body.cloneNode(true);
  for (const odd of body.querySelectorAll('script, .controls')) odd.remove();
  for (const button of body.querySelectorAll('th button')) button.replaceWith(...button.childNodes);
  return body.textContent.replace(/\s+/g, ' ').trim();
});

// What another colour or another width can change; the rest was found in the first view.
const ONLY = { dark: ['color-contrast'], mobile: ['color-contrast', 'target-size', 'scrollable-region-focusable'] };

async function accessible(page, view, blame) {
  await page.evaluate(() => { for (const details of document.querySelectorAll('details')) details.open = true; });
  await page.evaluate(axe);
  const { violations } = await page.evaluate((only) => window.axe.run(document, {
    runOnly: only ?? ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
    resultTypes: ['violations'],
  }), ONLY[view]);
  for (const { id, help, nodes } of violations) {
    blame(`axe: ${id}: ${help} (${nodes.length}): ${nodes[0].html.slice(0, 200)} ${nodes[0].failureSummary ?? ''}`);
  }
}

async function sortsAndFilters(page, name, blame) {
  const table = page.locator('table.packages').first();
  if (await table.count() === 0) return;
  const rows = table.locator('tbody tr');
  const count = await rows.count();
  const sheet = table.locator('xpath=..');
  const bar = sheet.locator('xpath=preceding-sibling::*[@class="controls"][1]');
  const shown = () => table.evaluate((it) => [...it.tBodies[0].rows].filter((row) => !row.hidden).length);
  const column = (index) => table.evaluate((it, index) => [...it.tBodies[0].rows].map((row) => row.cells[index].textContent.trim()), index);

  const head = table.locator('thead th').first();
  const order = new Intl.Collator('en', { numeric: true });
  for (const [direction, sign] of [['ascending', 1], ['descending', -1]]) {
    const begin = Date.now();
    await head.locator('button').press('Enter');
    const time = Date.now() - begin;
    if (time > 3000) blame(`sorting ${count} rows took ${time} ms`);
    if (await head.getAttribute('aria-sort') !== direction) blame(`not sorted ${direction}`);
    const names = await column(0);
    if (names.length !== count || names.some((it, at) => at > 0 && order.compare(names[at - 1], it) * sign > 0)) {
      blame(`the rows are not ${direction}`);
    }
  }

  const first = (await column(0))[0];
  const begin = Date.now();
  await bar.locator('input').fill(first);
  if (Date.now() - begin > 2000) blame(`filtering ${count} rows took ${Date.now() - begin} ms`);
  const found = await shown();
  if (found < 1 || found > count) blame(`${found} of ${count} rows have "${first}"`);
  await bar.locator('input').fill('nothing has this in it');
  if (await shown() !== 0) blame('a text that is nowhere finds rows');
  const said = await bar.locator('output').textContent();
  if (!said.startsWith('0 of ')) blame(`the count says "${said}"`);
  await bar.locator('input').fill('');
  for (const select of await bar.locator('select').all()) {
    const value = await select.locator('option').nth(1).getAttribute('value');
    await select.selectOption(value);
    const some = await shown();
    if (some < 1 || some > count) blame(`the choice "${value}" shows ${some} of ${count}`);
    await select.selectOption('');
  }
  if (await shown() !== count) blame('not all rows come back');
  if (name === 'program') {
    await bar.locator('select').first().selectOption('vgolang');
    const kinds = await table.evaluate((it) => [...it.tBodies[0].rows].filter((row) => !row.hidden).map((row) => row.cells[2].textContent));
    if (kinds.length === 0 || kinds.some((kind) => kind !== 'golang')) blame('the ecosystem does not filter');
    await bar.locator('select').first().selectOption('');
  }
}

for (const file of fs.readdirSync(folder).filter((it) => it.endsWith('.html')).sort()) {
  const name = path.basename(file, '.html');
  const full = path.resolve(folder, file);
  const texts = {};
  for (const view of Object.keys(VIEWS)) {
    const { context, page, blame } = await open(full, name, view);
    const picture = (end) => path.join(folder, `${name}-${view}${end}`);
    if (keep) await page.screenshot({ path: picture('.png'), fullPage: name !== 'large' });
    texts[view] = await words(page);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    if (wide > 0) blame(`the page is ${wide} px wider than the window`);
    // An engine that walks 5,000 rows three times says the same three times.
    if (view !== 'unscripted' && (name !== 'large' || view === 'light')) {
      if (view === 'light') await sortsAndFilters(page, name, blame);
      if (name !== 'large') await accessible(page, view, blame);
      if (await page.evaluate(() => 'owned' in window)) blame('something from outside was run');
    }
    if (view === 'unscripted' && name !== 'large') {
      const paper = await page.pdf({ format: 'A4', printBackground: true, path: keep ? picture('.pdf') : undefined });
      if (paper.length < 1000) blame('nothing was printed');
      await page.emulateMedia({ media: 'print' });
      const parts = () => [...document.querySelectorAll('details > :not(summary, .back)')]
        .filter((it) => !it.checkVisibility({ contentVisibilityAuto: true })).length;
      // What a browser skips until it is near is laid out some frames later.
      await page.waitForFunction(`(${parts})() === 0`, undefined, { timeout: 10_000 }).catch(() => {});
      const folded = await page.evaluate(parts);
      if (folded > 0) blame(`${folded} folded parts are not printed`);
      const cut = await page.evaluate(() => [...document.querySelectorAll('.sheet, .canvas')]
        .filter((it) => getComputedStyle(it).overflow !== 'visible' || it.scrollHeight > it.clientHeight + 1).length);
      if (cut > 0) blame(`${cut} parts are cut on paper`);
    }
    await context.close();
  }
  if (texts.light !== texts.unscripted) wrong.push(`${name}: scripts change what is there`);
}
await browser.close();
for (const line of wrong) console.error(line);
console.log(`looked at ${Object.keys(VIEWS).length} views of each page: ${wrong.length} things are wrong`);
process.exitCode = wrong.length > 0 ? 1 : 0;
