namespace Granary.Server.Gateway;

/// <summary>
/// Follows one JSON value byte by byte and knows where it ends. Of a byte that cannot stand where it stands it says what Go says of it, as etcd's
/// clients read that.
/// </summary>
internal sealed class JsonScanner
{
    // Whether each object or list that is open is an object.
    private readonly Stack<bool> _open = [];
    private Expected _expected;
    private bool _isKey;
    private string _literal = "";
    private int _matched;

    private enum Expected
    {
        Value,
        ValueOrEnd,
        Key,
        KeyOrEnd,
        Colon,
        AfterValue,
        String,
        Escape,
        Hex1,
        Hex2,
        Hex3,
        Hex4,
        FirstDigit,
        NoDigit,
        Digits,
        FirstDecimal,
        Decimals,
        ExponentSign,
        FirstExponentDigit,
        ExponentDigits,
        Literal,
    }

    /// <summary>Whether the value is whole if nothing follows: only a number does not say so itself.</summary>
    public bool MayEnd => _open.Count == 0 && _expected is (Expected.NoDigit or Expected.Digits or Expected.Decimals or Expected.ExponentDigits);

    /// <summary>Takes the next byte of a value, white space before it included.</summary>
    /// <exception cref="MalformedJsonException">It cannot stand here.</exception>
    public ScannedByte Take(byte one)
    {
        switch (_expected)
        {
            case Expected.String:
                TakeInString(one);
                break;
            case Expected.Escape:
                _expected = one switch
                {
                    (byte)'u' => Expected.Hex1,
                    (byte)'"' or (byte)'\\' or (byte)'/' or (byte)'b' or (byte)'f' or (byte)'n' or (byte)'r' or (byte)'t' => Expected.String,
                    _ => throw Invalid(one, "in string escape code"),
                };
                break;
            case Expected.Hex1 or Expected.Hex2 or Expected.Hex3 or Expected.Hex4:
                _expected = !char.IsAsciiHexDigit((char)one) ? throw Invalid(one, "in \\u hexadecimal character escape")
                    : _expected == Expected.Hex4 ? Expected.String
                    : _expected + 1;
                break;
            case Expected.Literal:
                if (one != _literal[_matched])
                {
                    throw Invalid(one, $"in literal {_literal} (expecting '{_literal[_matched]}')");
                }

                _expected = ++_matched < _literal.Length ? Expected.Literal : Expected.AfterValue;
                break;
            case >= Expected.FirstDigit and <= Expected.ExponentDigits when TakeInNumber(one):
                break;
            default:
                return TakeBetween(one);
        }

        return _expected == Expected.AfterValue && _open.Count == 0 ? ScannedByte.Last : ScannedByte.Inner;
    }

    private void TakeInString(byte one)
    {
        if (one == '\\')
        {
            _expected = Expected.Escape;
        }
        else if (one == '"')
        {
            _expected = _isKey ? Expected.Colon : Expected.AfterValue;
            _isKey = false;
        }
        else if (one < ' ')
        {
            throw Invalid(one, "in string literal");
        }
    }

    /// <summary>Whether the byte belongs to the number.</summary>
    private bool TakeInNumber(byte one)
    {
        var isDigit = char.IsAsciiDigit((char)one);
        switch (_expected)
        {
            case Expected.FirstDigit:
                _expected = one == '0' ? Expected.NoDigit : isDigit ? Expected.Digits : throw Invalid(one, "in numeric literal");
                return true;
            case Expected.FirstDecimal:
                _expected = isDigit ? Expected.Decimals : throw Invalid(one, "after decimal point in numeric literal");
                return true;
            case Expected.ExponentSign when one is (byte)'+' or (byte)'-':
                _expected = Expected.FirstExponentDigit;
                return true;
            case Expected.ExponentSign or Expected.FirstExponentDigit:
                _expected = isDigit ? Expected.ExponentDigits : throw Invalid(one, "in exponent of numeric literal");
                return true;
            case Expected.NoDigit or Expected.Digits when one == '.':
                _expected = Expected.FirstDecimal;
                return true;
            case Expected.NoDigit or Expected.Digits or Expected.Decimals when one is (byte)'e' or (byte)'E':
                _expected = Expected.ExponentSign;
                return true;
            default:
                return isDigit && _expected != Expected.NoDigit;
        }
    }

    /// <summary>Takes what is neither within a string nor within a number or a literal.</summary>
    private ScannedByte TakeBetween(byte one)
    {
        var hasNumberEnded = _expected is >= Expected.FirstDigit and <= Expected.ExponentDigits;
        if (_open.Count == 0 && (hasNumberEnded || _expected == Expected.AfterValue))
        {
            return ScannedByte.Behind;
        }

        if (hasNumberEnded)
        {
            _expected = Expected.AfterValue;
        }

        if (one is (byte)' ' or (byte)'\t' or (byte)'\r' or (byte)'\n')
        {
            return ScannedByte.Inner;
        }

        switch (_expected)
        {
            case Expected.KeyOrEnd when one == '}':
            case Expected.ValueOrEnd when one == ']':
                Close();
                break;
            case Expected.Value or Expected.ValueOrEnd:
                BeginValue(one);
                break;
            case Expected.Key or Expected.KeyOrEnd:
                (_expected, _isKey) = one == '"' ? (Expected.String, true) : throw Invalid(one, "looking for beginning of object key string");
                break;
            case Expected.Colon:
                _expected = one == ':' ? Expected.Value : throw Invalid(one, "after object key");
                break;
            default:
                AfterValue(one, isInObject: _open.Peek());
                break;
        }

        return _expected == Expected.AfterValue && _open.Count == 0 ? ScannedByte.Last : ScannedByte.Inner;
    }

    private void BeginValue(byte one)
    {
        switch (one)
        {
            case (byte)'{':
                _open.Push(true);
                _expected = Expected.KeyOrEnd;
                break;
            case (byte)'[':
                _open.Push(false);
                _expected = Expected.ValueOrEnd;
                break;
            case (byte)'"':
                _expected = Expected.String;
                break;
            case (byte)'-':
                _expected = Expected.FirstDigit;
                break;
            case (byte)'0':
                _expected = Expected.NoDigit;
                break;
            case >= (byte)'1' and <= (byte)'9':
                _expected = Expected.Digits;
                break;
            case (byte)'t' or (byte)'f' or (byte)'n':
                (_literal, _matched, _expected) = (one == 't' ? "true" : one == 'f' ? "false" : "null", 1, Expected.Literal);
                break;
            default:
                throw Invalid(one, "looking for beginning of value");
        }
    }

    private void AfterValue(byte one, bool isInObject)
    {
        if (one == ',')
        {
            _expected = isInObject ? Expected.Key : Expected.Value;
        }
        else if (one == (isInObject ? '}' : ']'))
        {
            Close();
        }
        else
        {
            throw Invalid(one, isInObject ? "after object key:value pair" : "after array element");
        }
    }

    private void Close()
    {
        _open.Pop();
        _expected = Expected.AfterValue;
    }

    private static MalformedJsonException Invalid(byte one, string where) => new($"invalid character {Quoted(one)} {where}");

    // A byte beyond ASCII is shown as the character with its number, as Go does.
    private static string Quoted(byte one) => one switch
    {
        (byte)'\'' => "'\\''",
        (byte)'\\' => "'\\\\'",
        (byte)'\a' => "'\\a'",
        (byte)'\b' => "'\\b'",
        (byte)'\f' => "'\\f'",
        (byte)'\n' => "'\\n'",
        (byte)'\r' => "'\\r'",
        (byte)'\t' => "'\\t'",
        (byte)'\v' => "'\\v'",
        < 0x20 or 0x7f => $"'\\x{one:x2}'",
        >= 0x80 and <= 0xa0 or 0xad => $"'\\u{one:x4}'",
        _ => $"'{(char)one}'",
    };
}
