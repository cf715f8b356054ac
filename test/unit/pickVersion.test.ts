import { describeNoMatch, pickVersion } from '../../src/broker/clients/pickVersion';
import { isVersion } from '../../src/broker/options/isVersion';

describe('a version', () => {
  it.each([
    '1.4.2',
    '1.4.2+build.7',
    '1.4.2-rc.1',
    '1.4.2-rc.1+build.7',
    '0.0.0-0+0',
    '1.0.0+001',
    '1.0.0+21AF26D3---117B344092BD',
  ])('%s is one', (version) => expect(isVersion(version)).toBe(true));

  it.each([
    '',
    '1',
    '1.4',
    'v1.4.2',
    '=1.4.2',
    ' 1.4.2',
    '1.4.2 ',
    '1.4.2+',
    '1.4.2+a+b',
    '01.4.2',
    '^1.4',
    'x',
    '1.4.2-',
  ])('%p is none', (version) => expect(isVersion(version)).toBe(false));
});

describe('the version that a client gets', () => {
  it.each([
    // Releases.
    [['1.0.0', '1.4.2', '2.0.0'], '*', '2.0.0'],
    [['1.0.0', '1.4.2', '2.0.0'], '^1', '1.4.2'],
    [['1.0.0', '1.4.2', '2.0.0'], '1.0.0', '1.0.0'],
    [['1.0.0'], '^2', undefined],
    [['1.0.0'], 'newest', 'badVersion'],
    // Prereleases: `*` matches them where there is nothing else.
    [['1.0.0', '2.0.0-rc.1'], '*', '1.0.0'],
    [['2.0.0-rc.1', '2.0.0-rc.10', '2.0.0-rc.9'], '*', '2.0.0-rc.10'],
    [['2.0.0-rc.1'], '', '2.0.0-rc.1'],
    [['2.0.0-rc.1'], '^2.0.0', undefined],
    [['2.0.0-rc.1'], '^2.0.0-0', '2.0.0-rc.1'],
    [['2.0.0-rc.1'], '2.0.0-rc.1', '2.0.0-rc.1'],
    // Build metadata: it says nothing about the order, so that a range takes any; in full, it's the one that is meant.
    [['1.4.2+build.7'], '*', '1.4.2+build.7'],
    [['1.4.2+build.7'], '1.4.2', '1.4.2+build.7'],
    [['1.4.2+build.7'], '1.4.2+build.9', '1.4.2+build.7'],
    [['1.4.2+build.10', '1.4.2+build.9'], '1.4.2+build.9', '1.4.2+build.9'],
    [['1.4.2+build.10', '1.4.2+build.9'], '^1.4', '1.4.2+build.10'],
    [['1.4.2+build.9', '1.4.2+build.10'], '^1.4', '1.4.2+build.10'],
    [['1.4.2', '1.4.2+build.9'], '1.4.2', '1.4.2'],
    [['2.0.0-rc.1+b.1', '2.0.0-rc.1+b.2'], '*', '2.0.0-rc.1+b.2'],
  ])('of %j, asked for %p, is %p', (offered, wanted, picked) => {
    expect(pickVersion(offered, wanted)).toBe(picked);
  });

  it('without a match: the message names what is available and how to get a prerelease', () => {
    expect(describeNoMatch('echo', ['1.0.0', '1.2.0'], '^2')).toBe(
      'no version of echo matches ^2; available: 1.2.0, 1.0.0',
    );
    expect(describeNoMatch('echo', ['2.1.0-rc.1', '1.0.0'], '^2.0.0')).toBe(
      'no version of echo matches ^2.0.0; available: 2.1.0-rc.1, 1.0.0; a prerelease must be requested by name, such as 2.1.0-rc.1',
    );
    expect(describeNoMatch('echo', ['1.0.0', '1.0.1', '1.0.2', '1.0.3', '1.0.4'], '2')).toMatch(/1\.0\.0$/);
    const many = Array.from({ length: 20 }, (_, index) => `1.0.${index}`);
    expect(describeNoMatch('echo', many, '2')).toMatch(
      /available: 1\.0\.19, 1\.0\.18, 1\.0\.17, 1\.0\.16, 1\.0\.15, …$/,
    );
  });
});
