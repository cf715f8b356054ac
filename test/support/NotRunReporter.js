// Says which tests were not run because something is missing, and what: a machine that lacks it shows nothing of them.
// Jest loads reporters as they are, so this is JavaScript.
const MARK = /^(.*) \[not run: needs ([^\]]*)\](.*)$/;

class NotRunReporter {
  onRunComplete(_contexts, { testResults }) {
    const lines = testResults
      .flatMap(({ testResults: tests }) => tests)
      .flatMap(({ fullName }) => {
        const [, name, what, rest] = MARK.exec(fullName) ?? [];
        return name === undefined ? [] : [`  ${name}${rest}: needs ${what}`];
      });
    if (process.platform !== 'linux') lines.push('  whether processes are left behind: needs Linux');
    if (lines.length > 0) process.stderr.write(`Not run: ${lines.length}\n${lines.join('\n')}\n`);
  }
}

module.exports = NotRunReporter;
