namespace Granary.Storage.Snapshots.Ordering;

/// <summary>
/// Bytes that are written once from front to back and then read from anywhere: in memory up to a bound, beyond it in a file without a
/// name, which is gone with the process however that ends. One thread writes; when it is done, any number read.
/// </summary>
internal sealed class Spool(TemporarySpace space, int bufferBytes) : IDisposable
{
    /// <summary>What its file is called until it has no name: a crash in between leaves it.</summary>
    public const string FilePattern = "spool-*.tmp";

    private readonly byte[] _buffer = new byte[bufferBytes];
    private int _buffered;
    private long _inFile;
    private FileStream? _file;

    public long Length => _inFile + _buffered;

    /// <exception cref="IOException">There is no more room, or hardly any.</exception>
    public void Write(ReadOnlySpan<byte> bytes)
    {
        while (bytes.Length > _buffer.Length - _buffered)
        {
            var part = _buffer.Length - _buffered;
            bytes[..part].CopyTo(_buffer.AsSpan(_buffered));
            bytes = bytes[part..];
            _buffered = _buffer.Length;
            ToFile();
        }

        bytes.CopyTo(_buffer.AsSpan(_buffered));
        _buffered += bytes.Length;
    }

    /// <exception cref="EndOfStreamException">There are not so many bytes.</exception>
    public void Read(Span<byte> target, long offset)
    {
        while (!target.IsEmpty)
        {
            int read;
            if (offset >= _inFile)
            {
                var from = (int)Math.Min(offset - _inFile, _buffered);
                read = Math.Min(target.Length, _buffered - from);
                _buffer.AsSpan(from, read).CopyTo(target);
            }
            else
            {
                read = RandomAccess.Read(_file!.SafeFileHandle, target[..(int)Math.Min(target.Length, _inFile - offset)], offset);
            }

            if (read == 0)
            {
                throw new EndOfStreamException("a spool file is shorter than what was written to it");
            }

            target = target[read..];
            offset += read;
        }
    }

    public void Dispose() => _file?.Dispose();

    private void ToFile()
    {
        if (space.HasRoom?.Invoke() is false)
        {
            throw new IOException($"there is no room in {space.Directory} beyond what is kept for others");
        }

        _file ??= Create();
        RandomAccess.Write(_file.SafeFileHandle, _buffer.AsSpan(0, _buffered), _inFile);
        _inFile += _buffered;
        _buffered = 0;
    }

    private FileStream Create()
    {
        var path = Path.Combine(space.Directory, FilePattern.Replace("*", $"{Guid.NewGuid():N}", StringComparison.Ordinal));
        var options = new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.ReadWrite,
            Share = FileShare.Delete,
            BufferSize = 0,
            Options = OperatingSystem.IsWindows() ? FileOptions.DeleteOnClose : FileOptions.None,
        };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        var file = new FileStream(path, options);
        if (!OperatingSystem.IsWindows())
        {
            File.Delete(path);
        }

        return file;
    }
}
