using System.Buffers;
using System.IO.Pipelines;
using System.Text;

namespace Granary.Server.Gateway;

/// <summary>
/// Cuts a body into the JSON objects that stand one behind the other in it, as soon as each is complete. Looks at every byte once,
/// however small the pieces are in which it comes.
/// </summary>
/// <param name="body">The body.</param>
/// <param name="maxBytes">Bytes of one object at most.</param>
internal sealed class JsonObjectReader(PipeReader body, int maxBytes)
{
    private int _depth;
    private bool _inString;
    private bool _escaped;

    /// <summary>The next object, or null at the end of the body.</summary>
    /// <exception cref="MalformedJsonException">Something else stands there, or the body ends within an object.</exception>
    /// <exception cref="MessageTooLargeException">The object has more bytes than it may.</exception>
    public async ValueTask<byte[]?> Next(CancellationToken cancellationToken)
    {
        // Bytes of this object that were looked at already.
        long looked = 0;
        while (true)
        {
            var read = await body.ReadAsync(cancellationToken);
            var buffer = looked == 0 ? SkipWhiteSpace(read.Buffer) : read.Buffer;
            if (!buffer.IsEmpty)
            {
                if (looked == 0 && buffer.FirstSpan[0] != '{')
                {
                    var found = Encoding.UTF8.GetString(buffer.Slice(0, Math.Min(buffer.Length, 1)));
                    body.AdvanceTo(buffer.Start, buffer.End);
                    throw new MalformedJsonException($"proto: syntax error (line 1:1): unexpected token {found}");
                }

                if (End(buffer.Slice(looked)) is { } end)
                {
                    var complete = buffer.Slice(0, looked + end).ToArray();
                    body.AdvanceTo(buffer.GetPosition(looked + end));
                    return complete;
                }

                looked = buffer.Length;
                if (looked > maxBytes)
                {
                    body.AdvanceTo(buffer.End);
                    throw new MessageTooLargeException(looked);
                }
            }

            body.AdvanceTo(buffer.Start, buffer.End);
            if (read.IsCompleted)
            {
                return looked == 0 ? null : throw new MalformedJsonException("unexpected EOF");
            }
        }
    }

    /// <summary>How many bytes belong to the object that goes on here, or null when it does not end here.</summary>
    private long? End(in ReadOnlySequence<byte> part)
    {
        long position = 0;
        foreach (var segment in part)
        {
            foreach (var one in segment.Span)
            {
                position++;
                if (_escaped)
                {
                    _escaped = false;
                }
                else if (_inString)
                {
                    _escaped = one == '\\';
                    _inString = one != '"';
                }
                else if (one == '"')
                {
                    _inString = true;
                }
                else if (one is (byte)'{' or (byte)'[')
                {
                    _depth++;
                }
                else if (one is (byte)'}' or (byte)']' && --_depth == 0)
                {
                    return position;
                }
            }
        }

        return null;
    }

    private static ReadOnlySequence<byte> SkipWhiteSpace(ReadOnlySequence<byte> buffer)
    {
        var reader = new SequenceReader<byte>(buffer);
        reader.AdvancePastAny(" \t\r\n"u8);
        return reader.UnreadSequence;
    }
}
