using System.Runtime.InteropServices;

namespace Granary.Server.Hosting;

/// <summary>
/// SIGINT and SIGTERM as a token, from before the first thing is done that would have to be undone. Whoever is told to stop finishes what it
/// does; one that does not, or is told a second time, is ended.
/// </summary>
internal sealed class Termination : IDisposable
{
    private readonly Lock _gate = new();
    private readonly CancellationTokenSource _requested = new();
    private readonly TimeSpan _patience;
    private readonly PosixSignalRegistration _interrupt;
    private readonly PosixSignalRegistration _terminate;
    private Timer? _tooLate;
    private bool _isOver;

    /// <param name="patience">How long finishing may take.</param>
    public Termination(TimeSpan patience)
    {
        _patience = patience;
        _interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Request);
        _terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Request);
    }

    public CancellationToken Requested => _requested.Token;

    public void Dispose()
    {
        _interrupt.Dispose();
        _terminate.Dispose();
        lock (_gate)
        {
            _isOver = true;
            _tooLate?.Dispose();
            _requested.Dispose();
        }
    }

    private void Request(PosixSignalContext context)
    {
        var exitCode = context.Signal == PosixSignal.SIGINT ? 130 : 143;
        if (_tooLate is not null)
        {
            Environment.Exit(exitCode);
        }

        context.Cancel = true;
        lock (_gate)
        {
            if (!_isOver)
            {
                _tooLate = new Timer(_ => Environment.Exit(exitCode), null, _patience, Timeout.InfiniteTimeSpan);
                _requested.Cancel();
            }
        }
    }
}
