// Sorts and filters. The page has everything without it.
'use strict';
for (const table of document.querySelectorAll('table.sortable')) {
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];
  let rows = [...body.rows];
  const text = (row, column) => row.cells[column].textContent.trim();

  // Sorting: a button in each head. Numbers inside of texts count as numbers.
  const collator = new Intl.Collator('en', { numeric: true });
  heads.forEach((head, column) => {
    const button = document.createElement('button');
    button.type = 'button';
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener('click', () => {
      const down = head.getAttribute('aria-sort') === 'ascending';
      for (const other of heads) other.removeAttribute('aria-sort');
      head.setAttribute('aria-sort', down ? 'descending' : 'ascending');
      const keys = new Map(rows.map((row) => [row, text(row, column)]));
      rows.sort((a, b) => collator.compare(keys.get(a), keys.get(b)) * (down ? -1 : 1));
      body.append(...rows);
    });
  });

  // Filtering, where there are columns made for it.
  const filters = heads.map((head, column) => [head, column]).filter(([head]) => head.classList.contains('filter'));
  if (filters.length === 0 || rows.length < 2) continue;
  const noun = table.dataset.noun;
  const bar = document.createElement('div');
  bar.className = 'controls';
  bar.setAttribute('role', 'group');
  bar.setAttribute('aria-label', `Filter ${noun}`);
  const field = (name, control, style) => {
    const label = document.createElement('label');
    label.className = style;
    label.append(name, control);
    bar.append(label);
    control.addEventListener('input', apply);
    return control;
  };
  const found = document.createElement('output');
  const wanted = field(`Find in ${noun}`, Object.assign(document.createElement('input'), { type: 'search' }), 'text');
  const choices = filters.map(([head, column]) => {
    const select = document.createElement('select');
    const values = [...new Set(rows.map((row) => text(row, column)))].sort(collator.compare);
    select.append(new Option('all', ''), ...values.map((value) => new Option(value.length > 60 ? value.slice(0, 59) + '…' : value, 'v' + value)));
    return [field(head.textContent, select, 'choice'), column];
  });
  const content = new Map(rows.map((row) => [row, row.textContent.toLowerCase()]));
  const number = new Intl.NumberFormat('en');
  function apply() {
    const words = wanted.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const fits = words.every((word) => content.get(row).includes(word)) &&
        choices.every(([select, column]) => !select.value || select.value === 'v' + text(row, column));
      row.hidden = !fits;
      shown += fits ? 1 : 0;
    }
    found.textContent = `${number.format(shown)} of ${number.format(rows.length)} ${noun}`;
  }
  bar.append(found);
  table.parentElement.before(bar);
  apply();
}

// On paper everything is open, also in browsers that need help with it.
const closed = [];
addEventListener('beforeprint', () => {
  for (const details of document.querySelectorAll('details:not([open])')) {
    details.open = true;
    closed.push(details);
  }
});
addEventListener('afterprint', () => {
  for (const details of closed.splice(0)) details.open = false;
});
