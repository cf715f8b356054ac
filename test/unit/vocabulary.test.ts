import { backendHandoff, HANDOFF_FAILURES } from '../../machines';
import { BACKEND_HANDOFF_STATES, RECONNECT_REASON_WORDS, RECONNECT_REASONS } from '../../machines/vocabulary';

describe('the vocabulary', () => {
  it('has each state of the chart with its own tone, most urgent first', () => {
    expect(Object.keys(BACKEND_HANDOFF_STATES)).toEqual(['rateLimited', 'attempting', 'idle', 'adopted']);
    expect(Object.keys(BACKEND_HANDOFF_STATES).sort()).toEqual(
      Object.keys(backendHandoff.getStateNodeById('backendHandoff.handoff').states).sort(),
    );
    expect(Object.values(BACKEND_HANDOFF_STATES).map(({ tone }) => tone)).toEqual([
      'held',
      'busy',
      'calm',
      'foreign',
    ]);
  });

  it.each([
    [
      'check',
      'foreign',
      ['clientUnsupported', 'servicePolicyDisabled', 'fdPressureDisabled', 'adoptedBackend'],
    ],
    ['budget', 'held', ['failedAttemptRateLimited']],
    ['failure', 'failed', [...HANDOFF_FAILURES]],
    ['obstacle', 'failed', ['handleUnavailable', 'checkFailed']],
    ['bound', 'foreign', ['transferLimit']],
  ] as const)('say of each reason whether it is a %s, and in which tone', (category, tone, reasons) => {
    const found = RECONNECT_REASONS.filter((reason) => RECONNECT_REASON_WORDS[reason].category === category);
    expect(found).toEqual(reasons);
    for (const reason of found) expect(RECONNECT_REASON_WORDS[reason].tone).toBe(tone);
  });

  it('has a meaning and an advice for each reason', () => {
    expect(HANDOFF_FAILURES).toEqual(['permissionDenied', 'integrityMismatch', 'backendAckTimeout']);
    expect(RECONNECT_REASONS).toHaveLength(11);
    for (const { means, advice } of Object.values(RECONNECT_REASON_WORDS)) {
      for (const text of [means, advice]) expect(text).toMatch(/\S \S/);
    }
    const told = Object.values(RECONNECT_REASON_WORDS).flatMap(({ means, advice }) => [means, advice]);
    expect(new Set(told).size).toBe(told.length);
  });
});
