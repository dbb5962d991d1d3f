/** The style sheet of the report. System fonts, both colour schemes, and a printable page. */
export const STYLE = `
:root{--page:#fff;--panel:#f6f7f9;--text:#1f2329;--muted:#5a636d;--grid:#e3e6ea;--accent:#3469b0;--second:#c2562d}
@media (prefers-color-scheme:dark){:root{--page:#14171b;--panel:#1c2026;--text:#e6e9ed;--muted:#a3acb6;--grid:#31373f;--accent:#6fa3e8;--second:#ee8a5d}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:1160px;padding:24px 20px 64px;background:var(--page);color:var(--text);font:15px/1.55 system-ui,-apple-system,"Segoe UI",sans-serif}
h1{font-size:28px;line-height:1.2;margin:8px 0 4px;text-wrap:balance;overflow-wrap:anywhere}
h2{font-size:20px;margin:44px 0 12px;padding-bottom:6px;border-bottom:1px solid var(--grid)}
h3{font-size:15px;margin:20px 0 6px}
a{color:var(--accent)}
nav{display:flex;flex-wrap:wrap;gap:4px 16px;margin-top:12px;font-size:14px}
.by,.quiet,caption,figcaption{color:var(--muted)}
.by{margin:0}
.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:12px 24px;margin:0 0 20px}
.facts div:nth-child(-n+2){grid-column:1/-1}
dt{font-size:13px;color:var(--muted)}
dd{margin:0;font-weight:600;overflow-wrap:anywhere}
dd .quiet{font-weight:400}
.highlights{padding:14px 20px 14px 36px;margin:0;background:var(--panel);border-radius:8px}
.highlights li{margin:5px 0;max-width:88ch}
li{overflow-wrap:anywhere}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,440px),1fr));gap:24px}
figure{margin:0;padding:12px;background:var(--panel);border-radius:8px;min-width:0}
.charts figure:last-child:nth-child(odd){grid-column:1/-1}
figure svg{display:block;width:100%;height:auto;max-width:540px;margin:0 auto}
figcaption{font-size:13.5px;margin:8px 6px 0}
.scroll{overflow-x:auto;margin:20px 0}
table{border-collapse:collapse;width:100%;font-size:13.5px;font-variant-numeric:tabular-nums}
caption{text-align:left;padding:0 0 6px;font-size:13.5px}
th,td{padding:5px 10px;border-bottom:1px solid var(--grid);text-align:left;vertical-align:top}
thead th{font-weight:600;color:var(--muted);vertical-align:bottom}
tbody th{font-weight:600}
td{overflow-wrap:break-word}
.n{text-align:right;white-space:nowrap}
thead .n{white-space:normal}
.side{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,340px),1fr));gap:0 32px}
@media print{body{max-width:none;padding:0}figure{break-inside:avoid}nav{display:none}}
`;
