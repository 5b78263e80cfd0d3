<?php

declare(strict_types=1);

namespace Wsc;

/**
 * Which part of a message it is.
 *
 * @see Connection::sendMessage()
 * @see Connection::$streaming
 */
enum Part: int
{
    /** All of it. */
    case Whole = 0;
    /** Its beginning; more follows. */
    case First = 1;
    /** Neither its beginning nor its end. */
    case More = 2;
    /** Its end. */
    case Last = 3;
}
