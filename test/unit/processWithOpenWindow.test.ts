import { spawnSync } from 'node:child_process';
import { compiled } from '../support/compiled';

it('a controller lets a process end whose only work is an open window', () => {
  const script = `
    const { HandoffController } = require(${JSON.stringify(compiled('src'))});
    const controller = new HandoffController({ policy: { failedAttemptWindowMs: 3_000_000_000 } });
    controller.recordFailedAttempt('svc', 'permissionDenied');
    console.log(controller.actorOf('svc').getSnapshot().value.window);
  `;
  const { status, stdout, stderr } = spawnSync(process.execPath, ['-e', script], {
    encoding: 'utf8',
    timeout: 60_000,
  });
  expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: 'open\n', stderr: '' });
});
