import { TransferTokens } from '../../src/broker/transfers/TransferTokens';

describe('the tokens of transfers', () => {
  it('are found by their bytes, with their owner', () => {
    const tokens = new TransferTokens<string>();
    const issued = tokens.issue('a'.repeat(32), 'one');
    tokens.issue('b'.repeat(32), 'two');
    expect(tokens.find('a'.repeat(32))).toBe(issued);
    expect(tokens.find('b'.repeat(32))).toMatchObject({ owner: 'two', isAnswered: false });
    expect(tokens.find('c'.repeat(32))).toBeUndefined();
  });

  it('are bounded in number and age', () => {
    let time = 0;
    const tokens = new TransferTokens<string>({ now: () => time, maxAgeMs: 100, maxTokens: 3 });
    for (const token of ['a', 'b', 'c', 'd']) tokens.issue(token, 'one');
    expect(tokens.size).toBe(3);
    expect(tokens.find('a')).toBeUndefined();
    expect(tokens.find('b')).toBeDefined();
    time = 100;
    expect(tokens.find('b')).toBeUndefined();
    tokens.issue('e', 'one');
    expect(tokens.size).toBe(1);
  });
});
