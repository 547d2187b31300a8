using System.Buffers;
using System.Text.Json;
using Granary.Server.Configuration;

namespace Granary.Server.Audit;

/// <summary>
/// Who did what: a line of JSON for each call that writes, logs in or is refused, with the system before the call is answered. So a line
/// that belongs to an answer outlasts the process, though not the machine.
/// </summary>
internal sealed class AuditLog : IDisposable
{
    private static readonly TimeSpan LookInterval = TimeSpan.FromSeconds(1);

    private readonly string? _path;
    private readonly TimeProvider _time;
    private readonly Lock _writing = new();
    private Stream _target;
    private long _lookedAt;

    /// <param name="target">A file, to which is appended, or <c>stderr</c>.</param>
    /// <param name="time">Tells the time of each line.</param>
    /// <exception cref="SettingsException">It cannot be written.</exception>
    public AuditLog(string target, TimeProvider time)
    {
        _time = time;
        _path = target == "stderr" ? null : Path.GetFullPath(target);
        try
        {
            _target = Open();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new SettingsException($"--audit-log: {target} cannot be written: {exception.Message}");
        }

        _lookedAt = time.GetTimestamp();
    }

    /// <summary>Writes a line; it is with the system when this returns.</summary>
    /// <exception cref="Exception">It is not, whatever the reason.</exception>
    public void Write(in AuditEntry entry)
    {
        var buffer = new ArrayBufferWriter<byte>(256);
        using (var json = new Utf8JsonWriter(buffer))
        {
            entry.WriteTo(json, _time.GetUtcNow());
        }

        buffer.Write("\n"u8);
        lock (_writing)
        {
            OpenAnewIfMoved();
            if (_target.CanSeek)
            {
                // Somebody may have emptied the file.
                _target.Seek(0, SeekOrigin.End);
            }

            _target.Write(buffer.WrittenSpan);
        }
    }

    public void Dispose() => _target.Dispose();

    // Whoever rotates the file moves it away, and may put an empty one in its place.
    private void OpenAnewIfMoved()
    {
        if (_path is null || !_target.CanSeek || _time.GetElapsedTime(_lookedAt) < LookInterval)
        {
            return;
        }

        _lookedAt = _time.GetTimestamp();
        var file = new FileInfo(_path);
        if (!file.Exists || file.Length < _target.Position)
        {
            var moved = _target;
            _target = Open();
            moved.Dispose();
        }
    }

    // Without a buffer of its own: what is written is with the system.
    private Stream Open()
    {
        if (_path is null)
        {
            return Console.OpenStandardError();
        }

        var options = new FileStreamOptions { Mode = FileMode.OpenOrCreate, Access = FileAccess.Write, Share = FileShare.ReadWrite | FileShare.Delete, BufferSize = 0 };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        return new FileStream(_path, options);
    }
}
