import { Controller, Get, Query, Render, Res } from '@nestjs/common';
import { ConfigService } from '@nestjs/config';
import { I18n, I18nContext } from 'nestjs-i18n';

@Controller()
export class AppController {
  constructor(private readonly config: ConfigService) {}
  @Get() @Render('index')
  index(@I18n() i18n: I18nContext) { return { title: this.config.get('title'), hello: i18n.t('page.hello', { args: { name: 'orca' } }) }; }
  @Get('about') @Render('about')
  about() { return { title: 'About', seas: ['north', 'south'] }; }
  @Get('config') settings() { return { title: this.config.get('title'), deep: this.config.get('sea.depth') }; }
  @Get('boom') boom() { throw new Error('whale'); }
  @Get('when') async when(@Query('tz') tz = 'UTC', @Query('l') l = 'en') {
    const dayjs = (await import('dayjs')).default;
    dayjs.extend((await import('dayjs/plugin/utc')).default);
    dayjs.extend((await import('dayjs/plugin/timezone')).default);
    dayjs.extend((await import('dayjs/plugin/localizedFormat')).default);
    if (l !== 'en') require(`dayjs/locale/${l}`);
    return { day: dayjs.utc('2026-03-01T12:00Z').tz(tz).locale(l).format('LLLL') };
  }
  @Get('page.xml') page(@Res() res: any) { res.type('xml').render('feed', { seas: ['north'] }); }
}
